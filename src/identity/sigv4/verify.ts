import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { KmsError } from '../../errors.ts';
import type { Principal } from '../credential.ts';
import { canonicalPath, canonicalValue } from './canonical.ts';
import { type Claim, readClaim } from './claim.ts';
import type { RequestHeaders } from './headers.ts';
import { checkTime } from './time.ts';

/** What of a request its signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** The request target in origin form, as it came: path and query. */
  readonly url: string;
  readonly headers: RequestHeaders;
  readonly body: Buffer;
}

/** The day key of a credential, and whose it is. */
export interface Signer {
  readonly principal: Principal;
  /** @returns HMAC-SHA-256 of the text as 64 hex digits @throws KmsError where the key is no longer in force */
  sign(text: string): string;
}

export interface VerifyOptions {
  readonly region: string;
  readonly service: string;
  readonly clock: Clock;
  /** @throws KmsError UnrecognizedClientException where the credential is unknown or inactive */
  signer(accessKeyId: string, date: string, region: string): Signer | Promise<Signer>;
}

export interface Verified {
  readonly principal: Principal;
  readonly accessKeyId: string;
  readonly region: string;
}

/**
 * Says who signed the request, or throws. Cheap checks come first; the credential is looked up after what
 * everybody can check, and the body is hashed (always: there is no unsigned payload) after that.
 * @throws KmsError with AWS's code for what is wrong
 */
export async function verifySignature(request: SignedRequest, options: VerifyOptions): Promise<Verified> {
  const { headers, url } = request;
  const mark = url.indexOf('?');
  const claim = readClaim(headers, mark < 0 ? undefined : url.slice(mark + 1));
  checkScope(claim, options);
  checkTime(claim.time, claim.expires, options.clock.now());
  const canonicalHeaders = coverHeaders(claim.signedHeaders, headers);

  const found = options.signer(claim.accessKeyId, claim.date, claim.region);
  const signer = found instanceof Promise ? await found : found;

  const bodyHash = hash('sha256', request.body, 'hex');
  const declared = headers.get('x-amz-content-sha256');
  if (declared !== undefined && declared !== bodyHash) {
    throw invalid("The provided 'x-amz-content-sha256' header does not match what was computed.");
  }
  const path = canonicalPath(mark < 0 ? url : url.slice(0, mark));
  const canonical = `${request.method}\n${path}\n${claim.query}\n${canonicalHeaders}\n${claim.signedHeaders}\n${bodyHash}`;
  const expected = signer.sign(
    `AWS4-HMAC-SHA256\n${claim.timestamp}\n${claim.scope}\n${hash('sha256', canonical, 'hex')}`,
  );
  if (!equal(expected, claim.signature)) throw mismatch();
  return { principal: signer.principal, accessKeyId: claim.accessKeyId, region: claim.region };
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

function checkScope(claim: Claim, { region, service }: VerifyOptions): void {
  if (claim.region !== region) {
    throw invalid(`Credential should be scoped to a valid region, not '${claim.region}'. `);
  }
  if (claim.service !== service)
    throw invalid(`Credential should be scoped to correct service: '${service}'. `);
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
const single = ['host', 'content-type', 'x-amz-date', 'x-amz-target', 'x-amz-content-sha256', 'date'];

/**
 * INVARIANT: whatever header Coffer acts upon is either covered by the signature or bound by it (the date).
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
