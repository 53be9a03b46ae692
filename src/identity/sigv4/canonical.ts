/** AWS's canonical request. See the IAM user guide, "Create a signed AWS API request". */

const hex = '0123456789ABCDEF';

function isUnreserved(byte: number): boolean {
  return (
    (byte >= 0x61 && byte <= 0x7a) || // a-z
    (byte >= 0x41 && byte <= 0x5a) || // A-Z
    (byte >= 0x30 && byte <= 0x39) || // 0-9
    byte === 0x2d || // -
    byte === 0x2e || // .
    byte === 0x5f || // _
    byte === 0x7e // ~
  );
}

/** Percent-encodes every byte that RFC 3986 doesn't call unreserved, with upper-case digits. */
export function encode(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) {
    text += isUnreserved(byte)
      ? String.fromCharCode(byte)
      : `%${hex.charAt(byte >> 4)}${hex.charAt(byte & 15)}`;
  }
  return text;
}

/** Undoes percent-encoding. `+` stands for itself. @returns `undefined` where a `%` is not followed by two digits */
export function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'latin1');
  if (!text.includes('%')) return bytes;
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    let byte = bytes[i] ?? 0;
    if (byte === 0x25) {
      const pair = text.slice(i + 1, i + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(pair)) return undefined;
      byte = Number.parseInt(pair, 16);
      i += 2;
    }
    bytes[length++] = byte;
  }
  return bytes.subarray(0, length);
}

/** The path in normal form (RFC 3986 §5.2.4, no empty segments), every segment as it came encoded once more. */
export function canonicalPath(path: string): string {
  if (path === '/' || path === '') return '/';
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(encode(Buffer.from(segment, 'latin1')));
  }
  const normal = `/${segments.join('/')}`;
  return path.endsWith('/') && normal !== '/' ? `${normal}/` : normal;
}

/** A query parameter, decoded for reading and encoded for the canonical query. */
export interface QueryParameter {
  readonly name: string;
  readonly value: string;
  readonly canonical: string;
}

/** @returns the parameters in canonical order, `undefined` where an encoding is broken */
export function parseQuery(query: string): readonly QueryParameter[] | undefined {
  const parameters: (QueryParameter & { readonly key: string; readonly rest: string })[] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = decode(equals < 0 ? '' : part.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    const key = encode(name);
    const rest = encode(value);
    parameters.push({
      key,
      rest,
      name: name.toString('utf8'),
      value: value.toString('utf8'),
      canonical: `${key}=${rest}`,
    });
  }
  // By code point, which for encoded text is by byte; not by locale.
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return parameters.sort((a, b) => order(a.key, b.key) || order(a.rest, b.rest));
}

/** A header's value without the spaces and tabs around it (RFC 9110 §5.5), and runs of spaces made one. */
export function canonicalValue(value: string): string {
  let from = 0;
  let to = value.length;
  // Not `trim`, which also takes what is no white space to HTTP, such as U+00A0: the byte A0 would not be signed.
  while (from < to && isBlank(value.charCodeAt(from))) from++;
  while (from < to && isBlank(value.charCodeAt(to - 1))) to--;
  const trimmed = from === 0 && to === value.length ? value : value.slice(from, to);
  return trimmed.includes('  ') ? trimmed.replace(/ {2,}/g, ' ') : trimmed;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
