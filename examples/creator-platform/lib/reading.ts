// Who may read what: gatecast's grants are the truth, so an operator who takes one away is obeyed here too.
import { gatecast } from './gatecast'
import { resourceOf } from './posts'

export async function heldPosts(user: string): Promise<Set<string>> {
  const { grants } = await gatecast.api.grants({ user })
  const now = Date.now()
  const stands = grants.filter(({ from, until }) => Date.parse(from) <= now && (!until || Date.parse(until) > now))
  return new Set(stands.map(({ resource }) => resource))
}

export const mayRead = async (user: string, post: string): Promise<boolean> => (await heldPosts(user)).has(resourceOf(post))
