import Link from 'next/link'
import { redirect } from 'next/navigation'
import { auth } from '@/lib/auth'
import { posts, resourceOf } from '@/lib/posts'
import { heldPosts } from '@/lib/reading'

/** All on the server: who asks by the cookie, and whether the session still stands by gatecast's word. */
export default async function Library() {
  const session = await auth.getSession(undefined, { check: true })
  if (!session) redirect('/?next=/library')
  const held = await heldPosts(session.userId)
  const owned = posts.filter(({ id }) => held.has(resourceOf(id)))
  return (
    <>
      <h1>Your library</h1>
      <p className="teaser" data-testid="owner">
        {session.userId}
      </p>
      <ul className="posts" data-testid="owned">
        {owned.map(({ id, title, teaser }) => (
          <li key={id}>
            <Link href={`/post/${id}`}>
              <h2>{title}</h2>
              <p>{teaser}</p>
            </Link>
          </li>
        ))}
      </ul>
      {owned.length === 0 && <p>Nothing yet.</p>}
    </>
  )
}
