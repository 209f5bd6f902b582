/** Rows as lines of CSV (RFC 4180). */

type Cell = string | number | null | undefined;

/** Each row with its line break, its cells in the order of the columns. */
export function csv<Name extends string>(columns: readonly Name[], rows: Record<Name, Cell>[]): string {
  const cell = (value: Cell) => {
    const text = String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${columns.map((name) => cell(row[name])).join(',')}\r\n`).join('');
}
