import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsFiles } from '../../src/wire/tls.ts';

/** Makes a self-signed certificate for 127.0.0.1 in a folder. @param kind of its key */
export function makeCertificate(folder: string, name: string, kind: 'ec' | 'rsa' = 'ec'): TlsFiles {
  const certificateFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  const key =
    kind === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-newkey', 'rsa:2048'];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const out = ['-keyout', keyFile, '-out', certificateFile, '-days', '2'];
  execFileSync('openssl', ['req', '-x509', '-nodes', ...key, ...subject, ...out], { stdio: 'ignore' });
  return { certificateFile, keyFile };
}

export function pem({ certificateFile }: TlsFiles): string {
  return readFileSync(certificateFile, 'utf8');
}
