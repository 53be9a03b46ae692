import type { KmsError } from '../errors.ts';
import type { Principal } from '../identity/principal.ts';
import type { ServiceName } from '../service.ts';

/** Where a request came from, known from its first byte on. */
export interface Origin {
  /** A UUID: what the answer's `x-amzn-RequestId` says. */
  readonly requestId: string;
  /** The peer's address; empty where it has hung up. */
  readonly sourceIp: string;
  /** As sent, empty where there was none: not covered by the signature. */
  readonly userAgent: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
  /** Whose operation it asks for; what names none is taken for KMS's. */
  readonly service: ServiceName;
}

/** An authenticated request with a well-formed body. */
export interface Call extends Origin {
  /** What the target or `Action` names: any text. */
  readonly operation: string;
  readonly input: Record<string, unknown>;
  readonly principal: Principal;
  readonly accessKeyId: string;
  readonly region: string;
}

/** A request that was refused before it became a call. */
export interface Refusal extends Origin {
  /** `undefined` where the target names none. */
  readonly operation: string | undefined;
  /** Known once the signature is verified. */
  readonly principal: Principal | undefined;
  /**
   * Without a principal it is what the request claims, any text of any length, and proves nothing; `undefined` where
   * no claim could be read.
   */
  readonly accessKeyId: string | undefined;
  readonly region: string;
}

/**
 * Runs the operation. @returns what JSON.stringify makes the answer of, `undefined` for an empty body
 * @throws KmsError for the caller; anything else becomes a KMSInternalException without detail
 */
export type Dispatch = (call: Call) => Promise<unknown>;

/** Is awaited before the refusal is answered; where it rejects, the answer is a KMSInternalException. */
export type Refused = (refusal: Refusal, error: KmsError) => Promise<void>;
