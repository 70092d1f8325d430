import { notFound } from 'next/navigation'
import { PostBody } from '@/components/post_body'
import { auth } from '@/lib/auth'
import { postOf, priceText } from '@/lib/posts'
import { mayRead } from '@/lib/reading'

/** Made on the server with the text in it where the cookie says who reads; the page does the rest. */
export default async function PostPage({ params }: { params: Promise<{ id: string }> }) {
  const post = postOf((await params).id)
  if (!post) notFound()
  const session = await auth.getSession()
  const held = session !== null && (await mayRead(session.userId, post.id))
  return (
    <article>
      <h1>{post.title}</h1>
      <p className="teaser">{post.teaser}</p>
      <PostBody id={post.id} price={priceText(post.price)} body={held ? post.body : null} />
    </article>
  )
}
