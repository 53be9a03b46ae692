import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { expect } from 'chai';
import type { TlsFiles } from '../../src/wire/tls.ts';
import { type Answer, type Api, open, readAnswer, signCall, startApi } from './api.ts';
import { makeCertificate, pem } from './certificate.ts';

/** @returns protocol and suite, or what went wrong */
function handshake(api: Api, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false, ...options });
    socket.on('error', (error) => resolve(`refused: ${error.message}`));
    socket.on('secureConnect', () => {
      resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
      socket.destroy();
    });
  });
}

async function post(api: Api, ca: string): Promise<Answer> {
  const { headers, body } = await signCall(api, 'Encrypt', '{}');
  return await new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: api.port, method: 'POST', headers, ca, agent: false });
    sent.on('error', reject);
    sent.on('response', (response) => resolve(readAnswer(response)));
    sent.end(body);
  });
}

function certificateOf(api: Api): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
  });
}

describe('TLS', () => {
  let folder: string;
  let ec: TlsFiles;
  let rsa: TlsFiles;
  let api: Api;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'coffer-tls-'));
    ec = makeCertificate(folder, 'first');
    rsa = makeCertificate(folder, 'second', 'rsa');
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(() => api.close(0));

  it('serves signed requests to a client that checks the certificate', async () => {
    api = await startApi({ tls: ec });
    expect((await post(api, pem(ec))).status).to.equal(200);
    expect(api.url).to.equal(`https://127.0.0.1:${api.port}`);
  });

  it('speaks 1.2 and 1.3, with forward secrecy and authenticated encryption', async () => {
    api = await startApi({ tls: ec });
    expect(await handshake(api, { minVersion: 'TLSv1.3' })).to.match(/^TLSv1\.3 TLS_/);
    expect(await handshake(api, { maxVersion: 'TLSv1.2' })).to.match(
      /^TLSv1\.2 ECDHE-ECDSA-.*(GCM|CHACHA20)/,
    );
    await api.close(0);
    api = await startApi({ tls: rsa });
    expect(await handshake(api, { maxVersion: 'TLSv1.2' })).to.match(/^TLSv1\.2 ECDHE-RSA-.*(GCM|CHACHA20)/);
  });

  it('refuses 1.0 and 1.1', async () => {
    api = await startApi({ tls: rsa });
    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      // At level 0 OpenSSL would offer them.
      const offer = { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' };
      expect(await handshake(api, offer)).to.match(/^refused/);
    }
  });

  for (const suite of [
    'AES128-GCM-SHA256',
    'AES256-SHA',
    'ECDHE-RSA-AES128-SHA256',
    'ECDHE-RSA-AES256-SHA',
    'DHE-RSA-AES128-GCM-SHA256',
  ]) {
    it(`refuses ${suite}`, async () => {
      api = await startApi({ tls: rsa });
      const offer = { maxVersion: 'TLSv1.2', ciphers: `${suite}:@SECLEVEL=0` } as const;
      expect(await handshake(api, offer)).to.match(/^refused/);
    });
  }

  it('takes up a new certificate on reload, and keeps its versions and suites', async () => {
    const live = { certificateFile: join(folder, 'live.crt'), keyFile: join(folder, 'live.key') };
    const install = ({ certificateFile, keyFile }: TlsFiles) => {
      copyFileSync(certificateFile, live.certificateFile);
      copyFileSync(keyFile, live.keyFile);
    };
    install(ec);
    api = await startApi({ tls: live });
    expect(await certificateOf(api)).to.equal('first');
    install(rsa);
    expect(await certificateOf(api), 'not before it is told').to.equal('first');
    api.reload();
    expect(await certificateOf(api)).to.equal('second');
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    expect(await handshake(api, old)).to.match(/^refused/);
    const weak = { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:@SECLEVEL=0' } as const;
    expect(await handshake(api, weak)).to.match(/^refused/);
  });

  it('keeps the certificate that it has where the new one is no good, and says so', async () => {
    const live = { certificateFile: join(folder, 'kept.crt'), keyFile: join(folder, 'kept.key') };
    copyFileSync(ec.certificateFile, live.certificateFile);
    copyFileSync(ec.keyFile, live.keyFile);
    api = await startApi({ tls: live });
    for (const spoil of [
      () => writeFileSync(live.certificateFile, 'nonsense'),
      () => copyFileSync(rsa.certificateFile, live.certificateFile),
      () => rmSync(live.certificateFile),
    ]) {
      spoil();
      api.reload();
      expect(await certificateOf(api)).to.equal('first');
    }
    expect(api.log.filter(({ level }) => level === 50).length).to.equal(3);
  });

  it("survives clients that don't speak it", async () => {
    api = await startApi({ tls: ec });
    const { socket, closed } = open(api);
    socket.end('POST / HTTP/1.1\r\nHost: a\r\n\r\n');
    await closed;
    expect((await post(api, pem(ec))).status).to.equal(200);
  });

  it('waits for no handshake that does not come', async () => {
    api = await startApi({ tls: ec, handshakeTimeout: 50 });
    await open(api).closed;
    expect((await post(api, pem(ec))).status).to.equal(200);
  });

  it("does not start with a key that is not the certificate's", async () => {
    api = await startApi({ tls: ec });
    let message = '';
    await startApi({ tls: { certificateFile: ec.certificateFile, keyFile: rsa.keyFile } }).catch(
      (error: Error) => {
        message = error.message;
      },
    );
    expect(message).to.include("don't make a pair");
  });
});
