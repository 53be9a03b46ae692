import { createPublicKey } from 'node:crypto';

/**
 * Whether bytes that anybody may have sent are a public key with which a key on the curve can agree on a secret: DER of
 * SubjectPublicKeyInfo that names the curve (RFC 5480 §2.1.1), and an uncompressed point of it that is not the one at
 * infinity (NIST SP 800-56A Rev. 3 §5.6.2.3.3; the cofactor of the NIST curves is 1).
 * @param curve as Node calls it
 */
export function isPeerKey(spki: Buffer, curve: string): boolean {
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== curve) return false;
    // Node refuses what is not on the curve. It also reads curves that are described and not named, other forms of
    // the point, and more bytes after it: written from its coordinates alone, a key has one form.
    const { kty, crv, x, y } = key.export({ format: 'jwk' });
    if (kty === undefined || crv === undefined || x === undefined || y === undefined) return false;
    const written = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
    return written.export({ format: 'der', type: 'spki' }).equals(spki);
  } catch {
    return false;
  }
}
