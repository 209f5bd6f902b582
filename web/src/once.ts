/** Keys by which the server knows the same call again. */

/** The answer is not known, or not now: the same question again finds out. */
export const AGAIN = ['outcome-unknown', 'try-again', 'slow-down', 'unreachable'];

/** A key of its own. */
export function onceKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
