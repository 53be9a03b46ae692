import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { KmsError } from '../../errors.ts';
import type { Principal } from '../principal.ts';
import { canonicalPath, canonicalValue } from './canonical.ts';
import { type Claim, readClaim } from './claim.ts';
import type { RequestHeaders } from './headers.ts';
import { checkTime } from './time.ts';

/** What of a request its signature covers and that is there before its body. */
export interface Head {
  readonly method: string;
  /** The request target in origin form, as it came: path and query. */
  readonly url: string;
  readonly headers: RequestHeaders;
}

/** The day key of a credential, and whose it is. */
export interface Signer {
  readonly principal: Principal;
  /** @returns HMAC-SHA-256 of the text as 64 hex digits @throws KmsError where the key is no longer in force */
  sign(text: string): string;
}

/** What a signature must be made for. */
export interface Audience {
  /** Any one of them. */
  readonly regions: readonly string[];
  readonly service: string;
  readonly clock: Clock;
}

/** Whose key signs a claim, and for what. */
export type Credential = Pick<Claim, 'accessKeyId' | 'sessionToken' | 'date' | 'region' | 'service'>;

/** @throws KmsError UnrecognizedClientException where the credential is unknown or inactive, ExpiredTokenException */
export type FindSigner = (credential: Credential) => Signer | Promise<Signer>;

export interface Verified {
  readonly principal: Principal;
  readonly accessKeyId: string;
  readonly region: string;
}

/**
 * A request is verified in three steps, so that nothing is kept or looked up for one whose claim can't hold:
 * `claimOf` reads what it says of its signature, `judge` checks all that needs neither credential nor body, and
 * `verify`, once the signer is found and the body read, computes the signature.
 * @throws KmsError with AWS's code for what is wrong
 */
export function claimOf({ url, headers }: Head): Claim {
  const mark = url.indexOf('?');
  return readClaim(headers, mark < 0 ? undefined : url.slice(mark + 1));
}

/**
 * @returns the canonical request up to the body's hash, to be given to `verify`
 * @throws KmsError with AWS's code for what is wrong
 */
export function judge({ method, url, headers }: Head, claim: Claim, options: Audience): string {
  checkScope(claim, options);
  checkTime(claim.time, claim.expires, options.clock.now());
  const canonicalHeaders = coverHeaders(claim.signedHeaders, headers);
  if (claim.signature.length !== signatureLength) throw mismatch();
  const mark = url.indexOf('?');
  const path = canonicalPath(mark < 0 ? url : url.slice(0, mark));
  return `${method}\n${path}\n${claim.query}\n${canonicalHeaders}\n${claim.signedHeaders}\n`;
}

/**
 * Says who signed the request, or throws. The body is hashed always: there is no unsigned payload.
 * @param canonical of the same claim, from `judge`
 * @param declared the `x-amz-content-sha256` header
 * @throws KmsError with AWS's code for what is wrong
 */
export function verify(
  claim: Claim,
  canonical: string,
  signer: Signer,
  body: Buffer,
  declared: string | undefined,
): Verified {
  const bodyHash = hash('sha256', body, 'hex');
  if (declared !== undefined && declared !== bodyHash) {
    throw invalid("The provided 'x-amz-content-sha256' header does not match what was computed.");
  }
  const expected = signer.sign(
    `AWS4-HMAC-SHA256\n${claim.timestamp}\n${claim.scope}\n${hashBytes(canonical + bodyHash)}`,
  );
  if (!equal(expected, claim.signature)) throw mismatch();
  return { principal: signer.principal, accessKeyId: claim.accessKeyId, region: claim.region };
}

/** Of HMAC-SHA-256, in hex digits. */
const signatureLength = 64;

const scratch = Buffer.alloc(8_192);

/**
 * SHA-256 in hex digits. Each character is one byte, as in a header taken from the wire: what the client signed is
 * the bytes that it sent, which node:http reads as ISO 8859-1.
 */
function hashBytes(text: string): string {
  if (text.length > scratch.length) return hash('sha256', Buffer.from(text, 'latin1'), 'hex');
  return hash('sha256', scratch.subarray(0, scratch.write(text, 'latin1')), 'hex');
}

function invalid(message: string): KmsError {
  return new KmsError('InvalidSignatureException', message);
}

function mismatch(): KmsError {
  return invalid(
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret ' +
      'Access Key and signing method. Consult the service documentation for details.',
  );
}

function equal(expected: string, given: string): boolean {
  if (given.length !== expected.length) return false;
  return timingSafeEqual(Buffer.from(expected, 'latin1'), Buffer.from(given, 'latin1'));
}

/** The answer where a signature is made for another service than the one that the request is to. */
export function wrongService(service: string): KmsError {
  return invalid(`Credential should be scoped to correct service: '${service}'. `);
}

function checkScope(claim: Claim, { regions, service }: Audience): void {
  if (!regions.includes(claim.region)) {
    throw invalid(`Credential should be scoped to a valid region, not '${claim.region}'. `);
  }
  if (claim.service !== service) throw wrongService(service);
  if (claim.terminator !== 'aws4_request') {
    throw invalid(
      `Credential should be scoped with a valid terminator: 'aws4_request', not '${claim.terminator}'. `,
    );
  }
  if (!claim.timestamp.startsWith(claim.date) || claim.date.length !== 8) {
    throw invalid(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
        `'${claim.date}' != '${claim.timestamp.slice(0, 8)}', from '${claim.timestamp}'.`,
    );
  }
}

/** Headers that mean something to Coffer: two of one would let what is signed differ from what is done. */
const single = [
  'host',
  'content-type',
  'x-amz-date',
  'x-amz-target',
  'x-amz-content-sha256',
  'x-amz-security-token',
  'date',
];

/**
 * INVARIANT: whatever header Coffer acts upon is either covered by the signature or bound by it (the date), but for
 * content-type: AWS's SDKs for PHP and for JavaScript (version 2) never sign it. All it can do is have the request
 * refused, since one media type alone is served with a target, and one without.
 * @returns the canonical headers
 */
function coverHeaders(signedHeaders: string, headers: RequestHeaders): string {
  let canonical = '';
  let before = '';
  let amzCount = 0;
  let hostSigned = false;
  let from = 0;
  while (from <= signedHeaders.length) {
    const semicolon = signedHeaders.indexOf(';', from);
    const to = semicolon < 0 ? signedHeaders.length : semicolon;
    const name = signedHeaders.slice(from, to);
    from = to + 1;
    const value = headers.get(name);
    // In order and each once: with that, two lists can't stand for one set, nor a name be counted twice below.
    if (value === undefined || name <= before) throw mismatch();
    before = name;
    if (name === 'host') hostSigned = true;
    else if (name.startsWith('x-amz-')) amzCount++;
    canonical += `${name}:${canonicalValue(value)}\n`;
  }
  if (!hostSigned) throw invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  if (amzCount !== headers.amzCount) {
    const signed = new Set(signedHeaders.split(';'));
    for (const name of headers.names()) {
      if (name.startsWith('x-amz-') && !signed.has(name)) {
        throw invalid(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
      }
    }
  }
  for (const name of single) {
    if (headers.repeats(name)) throw invalid(`The request has more than one '${name}' header.`);
  }
  return canonical;
}
