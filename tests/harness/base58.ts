// Base58 by big integers: written apart from the page's and the server's, so that they check each other.
const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

export function base58(bytes: Uint8Array): string {
  let number = BigInt('0x0' + Buffer.from(bytes).toString('hex'))
  let text = ''
  for (; number > 0n; number /= 58n) text = alphabet[Number(number % 58n)] + text
  for (const byte of bytes) {
    if (byte !== 0) break
    text = '1' + text
  }
  return text
}
