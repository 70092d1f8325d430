// Whoever has not signed in is sent from the library to the front page; the page itself asks once more.
import { guard } from '@gatecast/next/middleware'
import { cookie, gatecast } from './lib/gatecast'

export const proxy = guard({ verify: gatecast.verifyToken, paths: ['/library'], signIn: '/', cookie })
export const config = { matcher: '/library/:path*' }
