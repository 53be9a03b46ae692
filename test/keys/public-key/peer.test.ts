import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { isPeerKey } from '../../../src/keys/public-key/peer.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const spki = publicKey.export({ format: 'der', type: 'spki' });
/** AlgorithmIdentifier of P-256, between the outer header and the BIT STRING. */
const algorithm = spki.subarray(2, -68);

function withPoint(point: Buffer, more = Buffer.alloc(0)): Buffer {
  const bits = Buffer.concat([Buffer.of(3, point.length + 1, 0), point]);
  const body = Buffer.concat([algorithm, bits, more]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

/** The same key as openssl writes it when asked to. */
function rewritten(...options: string[]): Buffer {
  const input = privateKey.export({ format: 'pem', type: 'pkcs8' });
  return execFileSync('openssl', ['ec', '-pubout', '-outform', 'DER', ...options], {
    input,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

describe('a peer’s public key', () => {
  it('is one on the curve, in the form that everybody writes', () => {
    expect(isPeerKey(spki, 'prime256v1')).to.equal(true);
    expect(isPeerKey(withPoint(spki.subarray(-65)), 'prime256v1')).to.equal(true);
    expect(isPeerKey(rewritten(), 'prime256v1')).to.equal(true);
    expect(isPeerKey(spki, 'secp384r1')).to.equal(false);
    const other = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey;
    expect(isPeerKey(other.export({ format: 'der', type: 'spki' }), 'secp384r1')).to.equal(true);
  });

  const x = spki.subarray(-64, -32);
  const wrong: Record<string, Buffer> = {
    'the point at infinity': withPoint(Buffer.of(0)),
    'the point at infinity with room': withPoint(Buffer.alloc(65)),
    'the origin': withPoint(Buffer.concat([Buffer.of(4), Buffer.alloc(64)])),
    'a point off the curve': withPoint(Buffer.concat([Buffer.of(4), x, x])),
    'coordinates that are no residues': withPoint(Buffer.concat([Buffer.of(4), Buffer.alloc(64, 0xff)])),
    'a curve that is described and not named': rewritten('-param_enc', 'explicit'),
    'a compressed point': rewritten('-conv_form', 'compressed'),
    'a hybrid point': rewritten('-conv_form', 'hybrid'),
    'a byte after it': Buffer.concat([spki, Buffer.of(0)]),
    'a NULL in it': withPoint(spki.subarray(-65), Buffer.of(5, 0)),
    'a length in more bytes than it needs': Buffer.concat([Buffer.of(0x30, 0x81), spki.subarray(1)]),
    'the private half': privateKey.export({ format: 'der', type: 'pkcs8' }),
    'an RSA key': generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
      format: 'der',
      type: 'spki',
    }),
    'an X25519 key': generateKeyPairSync('x25519').publicKey.export({ format: 'der', type: 'spki' }),
    PEM: Buffer.from(publicKey.export({ format: 'pem', type: 'spki' })),
    nothing: Buffer.alloc(0),
  };
  for (const [what, bytes] of Object.entries(wrong)) {
    it(`is not ${what}`, () => {
      expect(isPeerKey(bytes, 'prime256v1')).to.equal(false);
    });
  }
});
