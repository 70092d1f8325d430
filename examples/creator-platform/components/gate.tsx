'use client'
import { keepCookie } from '@gatecast/next/client'
import { createClient } from 'gatecast'
import { GatecastProvider } from 'gatecast/react'
import { useRouter } from 'next/navigation'
import { useEffect, useState, type ReactNode } from 'react'

/** One client for all pages. Its session is kept as a cookie too, for what is made on the server. */
export function Gate({ server, children }: { server: string; children: ReactNode }) {
  const [client] = useState(() => createClient(server))
  const router = useRouter()
  useEffect(() => keepCookie(client, { onChange: () => router.refresh() }), [client, router])
  return <GatecastProvider client={client}>{children}</GatecastProvider>
}
