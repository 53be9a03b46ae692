import { KmsError } from '../../errors.ts';
import { newIdentifier } from '../../identity/identifier.ts';
import type { Session } from '../../identity/principal.ts';
import {
  maximalPackedBytes,
  packClaims,
  type SessionClaims,
  sessionAad,
  writeToken,
} from '../../identity/session-token.ts';
import type { Caller, Services } from '../operation.ts';

/** Temporary credentials as STS answers them. */
export interface Credentials {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly SessionToken: string;
  readonly Expiration: Date;
}

/** Claims that fit a token. */
export interface Packed {
  readonly bytes: Buffer;
  readonly session: Session;
  /** Of what a token has room for. */
  readonly percent: number;
}

/** @throws KmsError PackedPolicyTooLargeException */
export function pack(claims: SessionClaims): Packed {
  const bytes = packClaims(claims);
  const percent = Math.ceil((100 * bytes.length) / maximalPackedBytes);
  if (bytes.length > maximalPackedBytes) {
    throw new KmsError(
      'PackedPolicyTooLargeException',
      `Serialized token too large for session: the packed session policies and tags are ${percent}% of what is allowed.`,
    );
  }
  return { bytes, session: claims.session, percent };
}

/** From now, to the second, as clients read it. @param seconds how long they live */
export function lifetime(now: number, seconds: number): Pick<Session, 'issuedAt' | 'expiresAt'> {
  const issuedAt = Math.floor(now / 1_000) * 1_000;
  return { issuedAt, expiresAt: issuedAt + seconds * 1_000 };
}

/** Has the secret of new temporary credentials drawn and sealed. All that is kept of them is in their token. */
export async function issue(
  { bytes, session }: Packed,
  { hsm }: Pick<Services, 'hsm'>,
): Promise<Credentials> {
  const accessKeyId = newIdentifier('ASIA');
  const { secret, sealed } = await hsm.createAccessKeySecret(sessionAad(accessKeyId, bytes));
  const answered = secret.toString('latin1');
  secret.fill(0);
  return {
    AccessKeyId: accessKeyId,
    SecretAccessKey: answered,
    SessionToken: writeToken({ sealedSecret: sealed, packed: bytes }),
    Expiration: new Date(session.expiresAt),
  };
}

/** For the trail: which access key was given, without secret and token. */
export function shownCredentials({ AccessKeyId, Expiration }: Credentials): object {
  return { accessKeyId: AccessKeyId, expiration: Expiration.toISOString() };
}

/**
 * What the temporary credentials of a user or root may not ask of STS: all but AssumeRole and GetCallerIdentity (AWS
 * STS API reference, GetSessionToken). @throws KmsError AccessDeniedException
 */
export function refuseUserSession({ principal }: Caller, operation: string): void {
  if (principal.session !== undefined && principal.type !== 'AssumedRole') throw noSession(operation);
}

export function noSession(operation: string): KmsError {
  return new KmsError('AccessDeniedException', `Cannot call ${operation} with session credentials`);
}
