// The purchase. A real shop takes the money between the order and the grant, and may be called several times for one order:
// by its customer, by its payment service. The order's id is the grant's key, so all of that is one purchase.
import { auth } from '@/lib/auth'
import { gatecast } from '@/lib/gatecast'
import { placeOrder } from '@/lib/orders'
import { postOf, resourceOf } from '@/lib/posts'

export const POST = auth.withSession(
  async (request, { userId }) => {
    const { post: id } = (await request.json().catch(() => ({}))) as { post?: unknown }
    const post = typeof id === 'string' ? postOf(id) : undefined
    if (!post) return Response.json({ success: false, code: 'not_found' }, { status: 404 })

    const order = await placeOrder(userId, post.id, post.price)
    const { changed } = await gatecast.api.grantAdd({ user: userId, resource: resourceOf(post.id), key: order.id })
    if (changed) {
      await gatecast.api.notify({ user: userId, kind: 'purchase', data: { post: post.id, title: post.title }, key: order.id })
    }
    return Response.json({ success: true, order: order.id })
  },
  { check: true },
)
