import type { Metadata } from 'next'
import { headers } from 'next/headers'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { Account } from '@/components/account'
import { Gate } from '@/components/gate'
import './style.css'

export const metadata: Metadata = { title: 'Lantern', description: 'Posts worth a lamp oil.' }

/** Where browsers find gatecast: this very host, unless it has one of its own. */
async function serverAddress(): Promise<string> {
  const asked = await headers()
  const scheme = asked.get('x-forwarded-proto') ?? 'http'
  return process.env.GATECAST_PUBLIC_URL ?? `${scheme}://${asked.get('host')}`
}

export default async function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Gate server={await serverAddress()}>
          <header>
            <Link className="name" href="/">
              Lantern
            </Link>
            <Account />
          </header>
          <main>{children}</main>
        </Gate>
      </body>
    </html>
  )
}
