// The text of a post, for those who hold its grant.
import { auth } from '@/lib/auth'
import { postOf } from '@/lib/posts'
import { mayRead } from '@/lib/reading'

interface Context {
  params: Promise<{ id: string }>
}

export const GET = auth.withSession<Context>(async (_request, { userId }, { params }) => {
  const post = postOf((await params).id)
  if (!post) return Response.json({ success: false, code: 'not_found' }, { status: 404 })
  if (!(await mayRead(userId, post.id))) return Response.json({ success: false, code: 'grant_missing' }, { status: 403 })
  return Response.json({ success: true, body: post.body }, { headers: { 'Cache-Control': 'no-store' } })
})
