// In the browser: keeps the session cookie of server-side rendering in step with the session of the page.

/** What it needs of the client of package gatecast. */
export interface CookieSource {
  auth: { isAuthenticated(): boolean; getToken(): Promise<string> }
  on(event: 'signedIn' | 'renewed' | 'signedOut', listener: () => void): () => void
}

export interface KeepCookieOptions {
  /** Where the application has `cookieRoute`; /api/session. */
  path?: string
  /** The cookie has changed: `() => router.refresh()` renders the page anew. */
  onChange?(): void
  onError?(error: unknown): void
}

/** Hands the token in now, after every sign-in and renewal, and takes the cookie away with the session. */
export function keepCookie(gatecast: CookieSource, options: KeepCookieOptions = {}): () => void {
  const { path = '/api/session', onChange, onError } = options
  let last: Promise<void> = Promise.resolve()
  let stopped = false

  async function send(method: 'POST' | 'DELETE'): Promise<void> {
    const headers: Record<string, string> = method === 'POST' ? { Authorization: `Bearer ${await gatecast.auth.getToken()}` } : {}
    const response = await fetch(path, { method, headers, credentials: 'same-origin' })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
    if (!stopped) onChange?.()
  }
  // One after the other: a signing out that overtook a renewal would leave the cookie behind.
  const queue = (method: 'POST' | 'DELETE') => () => {
    last = last.then(() => send(method)).catch((error: unknown) => onError?.(error))
  }

  const undo = [gatecast.on('signedIn', queue('POST')), gatecast.on('renewed', queue('POST')), gatecast.on('signedOut', queue('DELETE'))]
  if (gatecast.auth.isAuthenticated()) queue('POST')()
  return () => {
    stopped = true
    for (const off of undo) off()
  }
}
