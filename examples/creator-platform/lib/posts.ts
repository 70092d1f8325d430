// What is for sale.

export interface Post {
  id: string
  title: string
  teaser: string
  /** In cents. */
  price: number
  body: string[]
}

export const posts: Post[] = [
  {
    id: '41',
    title: 'Keeping bees on a roof',
    teaser: 'Two winters, one swarm on the tram wires, and what I would do differently.',
    price: 300,
    body: [
      'The first thing nobody tells you: wind is worse than cold. Weigh the lids down before you think about feeding.',
      'The swarm left on a Sunday. A tram driver stopped, opened his window and said: "They are yours, I take it?"',
    ],
  },
  {
    id: '42',
    title: 'The lamp that started this',
    teaser: 'How a broken street lantern became a workshop. With the drawings.',
    price: 500,
    body: [
      'It lay in the skip behind the depot: cast iron, four panes, one of them whole. The foreman said I could have it if I carried it.',
      'The drawings are below the fold. The hinge is the only hard part; cut it from brass and it will outlast you.',
    ],
  },
  {
    id: '43',
    title: 'Notes on brass',
    teaser: 'Alloys, solder, and the smell that tells you to stop.',
    price: 400,
    body: ['Anneal until it is the colour of weak tea, quench, and work it before it forgets.'],
  },
]

export const postOf = (id: string): Post | undefined => posts.find((post) => post.id === id)
export const resourceOf = (id: string): string => `post:${id}`
export const priceText = (cents: number): string => `€${(cents / 100).toFixed(2)}`
