'use client'
import { GatecastError } from 'gatecast'
import { useConnection, useGatecast, useSession, useWallets } from 'gatecast/react'
import Link from 'next/link'
import { useEffect, useState } from 'react'
import { Bell } from './bell'

/** Who is signed in, or the wallets to sign in with. */
export function Account() {
  const gatecast = useGatecast()
  const session = useSession()
  const connection = useConnection()
  const wallets = useWallets().filter(({ chain }) => chain === 'solana')
  const [problem, setProblem] = useState('')
  useEffect(() => gatecast.on('signedOut', ({ message }) => setProblem(message)), [gatecast])

  async function signIn(wallet: (typeof wallets)[number]) {
    setProblem('')
    try {
      if (wallet.chain === 'solana') await gatecast.auth.signInWithSolana(wallet)
    } catch (error) {
      setProblem(error instanceof GatecastError ? `${error.message}. ${error.cure}` : String(error))
    }
  }

  return (
    <nav>
      {session ? (
        <>
          <Link href="/library">Library</Link>
          <Bell />
          <span className="who" data-testid="user" data-connection={connection} title={session.user.id}>
            {session.user.nickname ?? session.user.id.slice(0, 8)}
          </span>
          <button type="button" className="plain" data-testid="sign-out" onClick={() => void gatecast.auth.logout()}>
            Sign out
          </button>
        </>
      ) : (
        <>
          {wallets.map((wallet) => (
            <button type="button" key={wallet.id} data-testid="sign-in" onClick={() => void signIn(wallet)}>
              Sign in with {wallet.name}
            </button>
          ))}
          {wallets.length === 0 && <span className="hint">Install a Solana wallet to sign in.</span>}
        </>
      )}
      {problem && (
        <p role="alert" data-testid="problem">
          {problem}
        </p>
      )}
    </nav>
  )
}
