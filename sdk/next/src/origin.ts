// Whether a page of the application itself sent the request: what a cookie must not be trusted without.

export interface OriginOptions {
  /** Origins of the application's pages, as `https://app.example`. Without any: the host that was asked for. */
  origins?: readonly string[]
}

function hostOf(origin: string): string | null {
  try {
    return new URL(origin).host
  } catch {
    return null
  }
}

/** Browsers send `Origin` with every POST, PUT, PATCH and DELETE, and no page can change it. */
export function fromOwnPage(headers: Headers, { origins = [] }: OriginOptions): boolean {
  const origin = headers.get('origin')
  if (!origin) return false
  if (origins.length > 0) return origins.includes(origin)
  const asked = headers.get('x-forwarded-host') ?? headers.get('host')
  return asked !== null && hostOf(origin) === asked.toLowerCase()
}
