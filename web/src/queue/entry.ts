/**
 * The entry token that the organiser's site gave with its link, `/e/demo#entry_token=…`: behind the `#`, where it reaches no server
 * and no log. It stays there until it has opened a place, so that a reload before that loses nothing.
 */

const NAME = 'entry_token';

/** The token in an address's fragment. */
export function entryTokenIn(fragment: string): string | null {
  return new URLSearchParams(fragment.replace(/^#/, '')).get(NAME);
}

/** Takes the token out of the address. */
export function forgetEntryToken(): void {
  if (entryTokenIn(location.hash) !== null) {
    history.replaceState(null, '', location.pathname + location.search);
  }
}
