'use client'
import type { Publication } from 'gatecast'
import { useChannel } from 'gatecast/react'
import { useState, type FormEvent } from 'react'

interface Comment {
  text: string
}

const kLength = 280

/** Live comments, in a channel that only holders of the post's grant may subscribe to. */
export function Comments({ post }: { post: string }) {
  const [comments, setComments] = useState<Publication<Comment>[]>([])
  // Its readers wrote it: whatever is no comment is passed over.
  const add = (more: Publication<Comment>[]) => {
    const good = more.filter(({ data }) => typeof data?.text === 'string')
    setComments((before) => {
      const known = new Set(before.map(({ offset }) => offset))
      const fresh = good.filter(({ offset }) => !known.has(offset))
      return [...before, ...fresh].sort((a, b) => (a.offset ?? 0) - (b.offset ?? 0)).slice(-50)
    })
  }
  const channel = useChannel<Comment>(`post:${post}`, {
    publication: (publication) => add([publication]),
    subscribed: () => {
      channel.history({ limit: 50 }).then(
        ({ publications }) => add(publications as Publication<Comment>[]),
        () => {},
      )
    },
  })

  async function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    const text = String(new FormData(form).get('text')).trim().slice(0, kLength)
    if (text === '') return
    await channel.publish({ text })
    form.reset()
  }

  return (
    <aside className="comments" data-testid="comments" data-live={channel.subscribed}>
      <h2>Comments</h2>
      <ul>
        {comments.map(({ offset, data, info }) => (
          <li key={offset} data-testid="comment">
            <b>{info?.user.slice(0, 8) ?? 'Lantern'}</b> {data.text.slice(0, kLength)}
          </li>
        ))}
      </ul>
      <form onSubmit={(event) => void send(event).catch(() => {})}>
        <input name="text" maxLength={kLength} placeholder="Say something" aria-label="Comment" autoComplete="off" />
        <button type="submit" disabled={!channel.subscribed}>
          Send
        </button>
      </form>
    </aside>
  )
}
