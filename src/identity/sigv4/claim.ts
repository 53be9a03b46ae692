import { hash } from 'node:crypto';
import { KmsError } from '../../errors.ts';
import { parseQuery, type QueryParameter } from './canonical.ts';
import type { RequestHeaders } from './headers.ts';
import { formatBasicTime, longestExpiry, parseBasicTime } from './time.ts';

/** What a request says of its signature; nothing of it is proved yet. */
export interface Claim {
  readonly accessKeyId: string;
  /** What must come with temporary credentials; as given. */
  readonly sessionToken: string | undefined;
  /** `date/region/service/aws4_request`. */
  readonly scope: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly terminator: string;
  /** As given: lower-case names with `;` between. */
  readonly signedHeaders: string;
  readonly signature: string;
  /** When it was signed, as the string to sign has it: `20260131T235959Z`. */
  readonly timestamp: string;
  /** The same in milliseconds since the epoch. */
  readonly time: number;
  /** Seconds a presigned request lives; `undefined` for the header form. */
  readonly expires: number | undefined;
  /** The canonical query, without the signature. */
  readonly query: string;
}

const algorithm = 'AWS4-HMAC-SHA256';

function incomplete(message: string): KmsError {
  return new KmsError('IncompleteSignatureException', message);
}

const onlyOne =
  'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string ' +
  'parameter or the Authorization header should be specified';

/**
 * Reads the header form or the presigned form.
 * @param query of the URL, without the `?`; `undefined` where there is none
 * @throws KmsError MissingAuthenticationTokenException, IncompleteSignatureException, UnrecognizedClientException,
 *   InvalidSignatureException
 */
export function readClaim(headers: RequestHeaders, query: string | undefined): Claim {
  const parameters = query === undefined ? [] : parseQuery(query);
  if (parameters === undefined) throw incomplete('The query string holds a broken percent-encoding.');
  const presigned = parameters.some(({ name }) => isSigning(name));
  const authorization = headers.get('authorization');
  if (authorization !== undefined && presigned) throw new KmsError('InvalidSignatureException', onlyOne);
  const sessionToken = headers.get('x-amz-security-token');
  if (presigned) {
    if (sessionToken !== undefined) throw unknownToken();
    return presignedClaim(parameters);
  }
  if (authorization === undefined || authorization === '') {
    throw new KmsError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  if (headers.repeats('authorization')) throw new KmsError('InvalidSignatureException', onlyOne);
  const canonicalQuery = parameters.map(({ canonical }) => canonical).join('&');
  return headerClaim(authorization, sessionToken, headers, canonicalQuery);
}

/** The answer to a key id that is unknown or inactive, or whose session token is none of it: always the same. */
export function unknownToken(): KmsError {
  return new KmsError(
    'UnrecognizedClientException',
    'The security token included in the request is invalid.',
  );
}

function isSigning(name: string): boolean {
  switch (name.toLowerCase()) {
    case 'x-amz-algorithm':
    case 'x-amz-credential':
    case 'x-amz-date':
    case 'x-amz-expires':
    case 'x-amz-signedheaders':
    case 'x-amz-signature':
    case 'x-amz-security-token':
      return true;
    default:
      return false;
  }
}

function headerClaim(
  authorization: string,
  sessionToken: string | undefined,
  headers: RequestHeaders,
  query: string,
): Claim {
  const space = authorization.indexOf(' ');
  const scheme = space < 0 ? authorization : authorization.slice(0, space);
  if (scheme !== algorithm && scheme.startsWith('AWS4-')) {
    throw incomplete(`Unsupported AWS 'algorithm': '${scheme}'. `);
  }
  // Whoever presents a token of another scheme has it hashed into the answer, as AWS does, not shown.
  const shown = () =>
    `(Hashed with SHA-256 and encoded with Base64) Authorization=${hash('sha256', authorization, 'base64')}`;
  let credential: string | undefined;
  let signedHeaders: string | undefined;
  let signature: string | undefined;
  if (scheme === algorithm && space > 0) {
    let from = space + 1;
    while (from <= authorization.length) {
      const comma = authorization.indexOf(',', from);
      const to = comma < 0 ? authorization.length : comma;
      const part = authorization.slice(from, to).trim();
      from = to + 1;
      if (part === '') continue;
      const equals = part.indexOf('=');
      if (equals < 0) {
        throw incomplete(`Invalid key=value pair (missing equal-sign) in Authorization header ${shown()}`);
      }
      const value = part.slice(equals + 1);
      switch (part.slice(0, equals)) {
        case 'Credential':
          if (credential !== undefined) throw repeated('Credential');
          credential = value;
          break;
        case 'SignedHeaders':
          if (signedHeaders !== undefined) throw repeated('SignedHeaders');
          signedHeaders = value;
          break;
        case 'Signature':
          if (signature !== undefined) throw repeated('Signature');
          signature = value;
          break;
        default:
          throw incomplete(`Authorization header has a parameter that is not known. ${shown()}`);
      }
    }
  }
  const date = headers.get('x-amz-date') ?? headers.get('date');
  if (!credential || !signedHeaders || !signature || date === undefined) {
    const missing = [
      credential ? '' : "Authorization header requires 'Credential' parameter. ",
      signature ? '' : "Authorization header requires 'Signature' parameter. ",
      signedHeaders ? '' : "Authorization header requires 'SignedHeaders' parameter. ",
      date === undefined
        ? "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        : '',
    ];
    throw incomplete(`${missing.join('')}${shown()}`);
  }
  const time = readTime(date, !headers.get('x-amz-date'));
  const timestamp = date.length === 16 ? date : formatBasicTime(time);
  return {
    ...splitCredential(credential),
    sessionToken,
    signedHeaders,
    signature,
    timestamp,
    time,
    expires: undefined,
    query,
  };
}

function repeated(name: string): KmsError {
  return incomplete(`Authorization header has more than one '${name}' parameter.`);
}

/** @param http whether HTTP's own date form (RFC 9110 §5.6.7) may stand here, as in a `Date` header */
function readTime(date: string, http: boolean): number {
  const basic = parseBasicTime(date);
  if (!Number.isNaN(basic)) return basic;
  const time =
    http && /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(date)
      ? Date.parse(date)
      : Number.NaN;
  if (Number.isNaN(time)) {
    throw incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${date}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  }
  return time;
}

function splitCredential(
  credential: string,
): Pick<Claim, 'accessKeyId' | 'scope' | 'date' | 'region' | 'service' | 'terminator'> {
  const [accessKeyId, date, region, service, terminator, more] = credential.split('/');
  if (!accessKeyId || !date || !region || !service || !terminator || more !== undefined) {
    throw incomplete(
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, ' +
        `got '${credential}'`,
    );
  }
  return { accessKeyId, scope: credential.slice(accessKeyId.length + 1), date, region, service, terminator };
}

function presignedClaim(parameters: readonly QueryParameter[]): Claim {
  const found = new Map<string, string>();
  for (const { name, value } of parameters) {
    if (!isSigning(name)) continue;
    if (found.has(name)) throw incomplete(`AWS query-string parameters hold more than one '${name}'.`);
    found.set(name, value);
  }
  const required = (name: string) => {
    const value = found.get(name);
    if (!value) {
      throw incomplete(
        `AWS query-string parameters must include '${name}'. Re-examine the query-string parameters.`,
      );
    }
    return value;
  };
  const given = required('X-Amz-Algorithm');
  if (given !== algorithm) throw incomplete(`Unsupported AWS 'algorithm': '${given}'. `);
  const credential = required('X-Amz-Credential');
  const signature = required('X-Amz-Signature');
  const signedHeaders = required('X-Amz-SignedHeaders');
  const timestamp = required('X-Amz-Date');
  const lifetime = required('X-Amz-Expires');
  const expires = /^\d{1,6}$/.test(lifetime) ? Number(lifetime) : Number.NaN;
  if (!(expires >= 1 && expires <= longestExpiry)) {
    throw incomplete(`X-Amz-Expires must be between 1 and ${longestExpiry} seconds, got '${lifetime}'`);
  }
  const time = readTime(timestamp, false);
  const query = parameters
    .filter(({ name }) => name !== 'X-Amz-Signature')
    .map(({ canonical }) => canonical)
    .join('&');
  return {
    ...splitCredential(credential),
    sessionToken: found.get('X-Amz-Security-Token'),
    signedHeaders,
    signature,
    timestamp,
    time,
    expires,
    query,
  };
}
