import { createNextGatecast } from '@gatecast/next'
import { cookie, gatecast } from './gatecast'

export const auth = createNextGatecast(gatecast, { cookie })
