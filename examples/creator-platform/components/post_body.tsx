'use client'
import { GatecastError } from 'gatecast'
import { useConnection, useGatecast, useSession } from 'gatecast/react'
import { useEffect, useState } from 'react'
import { Comments } from './comments'

interface Props {
  id: string
  price: string
  /** Where the server already knew that this visitor may read it. */
  body: string[] | null
}

/** Locked or unlocked, by what gatecast says at this moment: no reload, in whatever tab. */
export function PostBody({ id, price, body: given }: Props) {
  const gatecast = useGatecast()
  const session = useSession()
  const online = useConnection() === 'connected'
  const [body, setBody] = useState(given)
  const [problem, setProblem] = useState('')

  // Anew with every connection: a text that could not be fetched on the way out of a tunnel is fetched then.
  useEffect(() => {
    let current = true
    async function unlock() {
      const response = await gatecast.fetch(`/api/posts/${id}`)
      if (!response.ok && response.status !== 403) throw new Error(`The text could not be fetched: ${response.status}.`)
      const answer = response.ok ? ((await response.json()) as { body: string[] }).body : null
      // What was asked before the grant went must not unlock after it.
      if (current && (answer === null || gatecast.grants.has(`post:${id}`))) setBody(answer)
    }
    const undo = gatecast.grants.watch(`post:${id}`, (held) => {
      setProblem('')
      if (held) unlock().catch((error: unknown) => current && setProblem(String(error)))
      else setBody(null)
    })
    return () => {
      current = false
      undo()
    }
  }, [gatecast, id, online])

  async function buy() {
    setProblem('')
    try {
      const headers = { 'Content-Type': 'application/json' }
      const response = await gatecast.fetch('/api/buy', { method: 'POST', headers, body: JSON.stringify({ post: id }) })
      if (!response.ok) setProblem(`The purchase failed: ${response.status}.`)
    } catch (error) {
      setProblem(error instanceof GatecastError ? `${error.message}. ${error.cure}` : String(error))
    }
  }

  if (body) {
    return (
      <section data-testid="post" data-state="unlocked">
        {body.map((paragraph) => (
          <p key={paragraph}>{paragraph}</p>
        ))}
        <Comments post={id} />
      </section>
    )
  }
  return (
    <section data-testid="post" data-state="locked" className="locked">
      <p className="blur" aria-hidden="true">
        Behind this is the rest of the post. It is not in the page: the server sends it to those who hold the grant.
      </p>
      <button type="button" data-testid="buy" disabled={!session} onClick={() => void buy()}>
        {session ? `Unlock for ${price}` : `Sign in to unlock for ${price}`}
      </button>
      {problem && <p role="alert">{problem}</p>}
    </section>
  )
}
