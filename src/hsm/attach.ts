/**
 * Attaching: both sides prove that they know the attach secret, and neither sends it.
 *
 *     host → client   nonce 32 B
 *     client → host   nonce 32 B ‖ HMAC(secret, "coffer client" ‖ host's nonce ‖ client's nonce)
 *     host → client   HMAC(secret, "coffer host" ‖ client's nonce ‖ host's nonce)
 *
 * The labels differ, so a proof can't be reflected. Frames follow; anything wrong closes the connection.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export const secretBytes = 32;
export const nonceBytes = 32;
export const proofBytes = 32;
/** A side that takes longer than this is closed. */
export const attachMilliseconds = 2_000;

type Side = 'client' | 'host';

export function nonce(): Buffer {
  return randomBytes(nonceBytes);
}

/** @param theirs the nonce of the side that is to be convinced @param ours the nonce of the side that proves */
export function prove(secret: Buffer, side: Side, theirs: Buffer, ours: Buffer): Buffer {
  return createHmac('sha256', secret).update(`coffer ${side}`).update(theirs).update(ours).digest();
}

export function proves(proof: Buffer, secret: Buffer, side: Side, ours: Buffer, theirs: Buffer): boolean {
  return proof.length === proofBytes && timingSafeEqual(proof, prove(secret, side, ours, theirs));
}
