import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerOptions } from 'node:https';
import { createSecureContext } from 'node:tls';

export interface TlsFiles {
  /** The certificate and its chain, PEM. */
  readonly certificateFile: string;
  /** Its private key, PEM. */
  readonly keyFile: string;
}

/** Forward-secret and authenticated alone (RFC 9325 §4.2): TLS 1.3's three, and their likes of 1.2. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * Reads certificate and key and checks that they belong together.
 * @throws Error with the file and what to do
 */
export function readTls({ certificateFile, keyFile }: TlsFiles): ServerOptions {
  const read = (file: string, what: string) => {
    try {
      return readFileSync(file);
    } catch (cause) {
      throw new Error(`can't read the ${what} \`${file}\`: check \`listen.tls\` of the configuration`, {
        cause,
      });
    }
  };
  const cert = read(certificateFile, 'certificate');
  const key = read(keyFile, 'key');
  const options: ServerOptions = {
    cert,
    key,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers,
    honorCipherOrder: true,
  };
  let pair: boolean;
  try {
    createSecureContext(options);
    // OpenSSL takes a key of another kind than the certificate's without a word, and then no handshake succeeds.
    pair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new Error(unusable({ certificateFile, keyFile }), { cause });
  }
  if (!pair) throw new Error(unusable({ certificateFile, keyFile }));
  return options;
}

function unusable({ certificateFile, keyFile }: TlsFiles): string {
  return `the certificate \`${certificateFile}\` and the key \`${keyFile}\` don't make a pair: give both in PEM`;
}
