// The shop's own books, as small as a database can be: one JSON file, written anew and moved into place.
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'

export interface Order {
  id: string
  user: string
  post: string
  cents: number
  at: string
}

const folder = () => process.env.SHOP_DATA ?? 'data'
const file = () => path.join(folder(), 'orders.json')

async function load(): Promise<Order[]> {
  try {
    return JSON.parse(await readFile(/* turbopackIgnore: true */ file(), 'utf8')) as Order[]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function store(orders: Order[]): Promise<void> {
  await mkdir(folder(), { recursive: true })
  await writeFile(`${file()}.new`, JSON.stringify(orders, null, 2))
  await rename(`${file()}.new`, file())
}

let last: Promise<unknown> = Promise.resolve()

/** The user's order of the post: the one there is, or a new one. One at a time, so that nobody pays twice. */
export function placeOrder(user: string, post: string, cents: number): Promise<Order> {
  const placed = last.then(async () => {
    const orders = await load()
    const known = orders.find((order) => order.user === user && order.post === post)
    if (known) return known
    const order = { id: `order-${randomUUID()}`, user, post, cents, at: new Date().toISOString() }
    await store([...orders, order])
    return order
  })
  last = placed.catch(() => {})
  return placed
}
