import type { Principal } from '../identity/principal.ts';
import type { ServiceName } from '../service.ts';

/** An authenticated request. */
export interface Call {
  readonly service: ServiceName;
  readonly operation: string;
  readonly input: Record<string, unknown>;
  readonly principal: Principal;
  readonly accessKeyId: string;
  /** The region of the signature's scope. */
  readonly region: string;
  readonly sourceIp: string;
  readonly userAgent: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
  readonly requestId: string;
}

/** A call that failed, with what is known of it: it may have no principal, or no operation. */
export type RefusedCall = Omit<Call, 'input' | 'operation' | 'principal' | 'accessKeyId'> & {
  readonly operation: string | undefined;
  readonly principal: Principal | undefined;
  /** Without a principal it is only what the request claims. */
  readonly accessKeyId: string | undefined;
  /** How many such calls went unrecorded since the last that was recorded. */
  readonly unrecorded?: number;
};
