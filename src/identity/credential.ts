import type { Principal } from './principal.ts';

/** An access key as the store holds it. */
export interface AccessKey {
  /** `AKIA` and 16 more characters of A-Z 2-7. */
  readonly accessKeyId: string;
  /** The secret, sealed under a token key with `sealingAad` of this row: only a token host opens it. */
  readonly sealedSecret: Buffer;
  readonly active: boolean;
  readonly principal: Principal;
}

/** The bytes that bind a sealed secret to its row, so that rows can't be swapped. */
export function sealingAad(accessKeyId: string, principalId: string): Buffer {
  return Buffer.from(`coffer access key\n${accessKeyId}\n${principalId}`, 'utf8');
}
