/**
 * What an answer of the AWS Query protocol holds, as its model has it: strings, numbers, booleans, Dates (ISO 8601),
 * Buffers (base64), arrays (lists), Maps (maps) and objects (structures); members that are `undefined` are left out.
 */

/** Characters that mean something to XML, or that a parser would change or drop, and those that XML can't hold. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const special = /[&<>"'\u0000-\u001f\u007f-\u009f\u2028\ufffe\uffff]|\p{Surrogate}/gu;

const names: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Text as an element's content. What XML 1.0 has no way to write (§2.2) becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text.replace(special, (character) => {
    const name = names[character];
    if (name !== undefined) return name;
    const code = character.charCodeAt(0);
    const writable = code > 0x1f ? code < 0xd800 : code === 0x09 || code === 0x0a || code === 0x0d;
    return writable ? `&#x${code.toString(16).toUpperCase()};` : '\ufffd';
  });
}

/** An element with what is in it. @param name a member's, as the service's model has it */
export function element(name: string, value: unknown): string {
  return `<${name}>${content(value)}</${name}>`;
}

function content(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return escapeXml(value);
    case 'number':
    case 'boolean':
      return String(value);
    case 'object':
      break;
    default:
      throw new TypeError(`an answer can't hold a ${typeof value}`);
  }
  if (value === null) throw new TypeError("an answer can't hold null");
  // To the second, as IAM and STS answer.
  if (value instanceof Date) return `${value.toISOString().slice(0, 19)}Z`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map((item) => element('member', item)).join('');
  if (value instanceof Map) {
    return [...value]
      .map(([key, item]) => `<entry>${element('key', key)}${element('value', item)}</entry>`)
      .join('');
  }
  return Object.entries(value)
    .map(([name, member]) => (member === undefined ? '' : element(name, member)))
    .join('');
}
