import { auth } from '@/lib/auth'

export const { POST, DELETE } = auth.cookieRoute
