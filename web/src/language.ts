/** Which language a person reads: `?lang`, then the cookie, then what the browser asks for. */

export type Language = 'en' | 'ko';

const COOKIE = 'stanchion-lang';

function known(tag: string | null | undefined): Language | null {
  const base = tag?.toLowerCase().split('-')[0];
  return base === 'en' || base === 'ko' ? base : null;
}

/** The language to show, given the page's query, its cookies and the browser's own list. */
export function choose(query: string, cookies: string, asked: readonly string[]): Language {
  const cookie = cookies
    .split(';')
    .map((pair) => pair.trim().split('='))
    .find(([name]) => name === COOKIE)?.[1];
  const first = asked.map(known).find((language) => language !== null);
  return known(new URLSearchParams(query).get('lang')) ?? known(cookie) ?? first ?? 'en';
}

/** The language of this page now. */
export function chosen(): Language {
  return choose(location.search, document.cookie, navigator.languages);
}

/** Keeps a choice for a year, and takes a `?lang` that would overrule it out of the address. */
export function keep(language: Language): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the server reads this cookie, and the Cookie Store API is not in every browser
  document.cookie = `${COOKIE}=${language}; Path=/; Max-Age=31536000; SameSite=Lax`;
  const address = new URL(location.href);
  address.searchParams.delete('lang');
  history.replaceState(null, '', address);
}
