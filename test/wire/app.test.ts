import { once } from 'node:events';
import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { principal } from '../identity/signing.ts';
import { type Api, bytes, call, head, open, send, signCall, startApi } from './api.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('the API on the wire', () => {
  let api: Api;
  beforeEach(async () => {
    api = await startApi();
  });
  afterEach(() => api.close(0));

  describe('a call', () => {
    it('reaches its operation with who makes it, and is answered with what that returns', async () => {
      api.dispatch = async () => ({ CiphertextBlob: 'AQ==', KeyId: 'ключ' });
      const answer = await call(api, 'Encrypt', '{"KeyId":"alias/a","Plaintext":"YQ=="}', {
        headers: { 'user-agent': 'test/1' },
      });
      expect(answer.status).to.equal(200);
      expect(answer.json).to.deep.equal({ CiphertextBlob: 'AQ==', KeyId: 'ключ' });
      expect(answer.headers['content-type']).to.equal('application/x-amz-json-1.1');
      expect(answer.headers['content-length']).to.equal(String(Buffer.byteLength(answer.text)));
      expect(answer.headers['x-amzn-requestid']).to.match(uuid);
      for (const name of ['x-powered-by', 'etag', 'server'])
        expect(answer.headers).not.to.have.property(name);
      expect(api.calls).to.deep.equal([
        {
          operation: 'Encrypt',
          input: { KeyId: 'alias/a', Plaintext: 'YQ==' },
          principal,
          accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
          region: 'us-east-1',
          sourceIp: '127.0.0.1',
          userAgent: 'test/1',
          service: 'kms',
          secure: false,
          requestId: answer.headers['x-amzn-requestid'],
        },
      ]);
      expect(api.refusals).to.deep.equal([]);
    });

    it('without output is answered with an empty body', async () => {
      api.dispatch = async () => undefined;
      const answer = await call(api, 'Encrypt', '{}');
      expect(answer.status).to.equal(200);
      expect(answer.text).to.equal('');
      expect(answer.headers['content-length']).to.equal('0');
    });

    it('may be presigned', async () => {
      const answer = await call(api, 'Encrypt', '{}', { presign: 60 });
      expect(answer.status).to.equal(200);
    });

    it('may have its media type in other case and with parameters', async () => {
      const headers = { 'content-type': 'Application/X-Amz-Json-1.1; charset=utf-8' };
      expect((await call(api, 'Encrypt', '{}', { headers })).status).to.equal(200);
    });

    it('may have a body of a mebibyte, in pieces', async () => {
      const body = `{"a":"${'x'.repeat(1024 * 1024 - 8)}"}`;
      const signed = await signCall(api, 'Encrypt', body);
      const { 'content-length': _gone, ...headers } = signed.headers;
      const answer = await send(api, { ...signed, headers: { ...headers, 'transfer-encoding': 'chunked' } });
      expect(answer.status).to.equal(200);
      expect(api.calls[0]?.input).to.deep.equal({ a: 'x'.repeat(1024 * 1024 - 8) });
    });

    it('may come a byte at a time', async () => {
      const request = bytes(await signCall(api, 'Encrypt', '{"a":1}'), { connection: 'close' });
      const { socket, closed } = open(api);
      socket.setNoDelay(true);
      for (const byte of request) {
        socket.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await closed).to.match(/^HTTP\/1\.1 200 /);
    });

    it('is answered in order where several come at once on one connection', async () => {
      api.dispatch = async ({ input }) => {
        await new Promise((resolve) => setTimeout(resolve, input.n === 1 ? 20 : 0));
        return { n: input.n };
      };
      const requests = await Promise.all([1, 2, 3].map((n) => signCall(api, 'Encrypt', `{"n":${n}}`)));
      const { socket, closed } = open(api);
      socket.write(
        Buffer.concat(requests.map((request, i) => bytes(request, i === 2 ? { connection: 'close' } : {}))),
      );
      expect([...(await closed).matchAll(/\{"n":(\d)\}/g)].map(([, n]) => n)).to.deep.equal(['1', '2', '3']);
    });

    it('that several clients make at once is answered to each of them', async () => {
      api.dispatch = async ({ input }) => input;
      const numbers = Array.from({ length: 50 }, (_, n) => n);
      const answers = await Promise.all(numbers.map((n) => call(api, 'Encrypt', `{"n":${n}}`)));
      expect(answers.map(({ json }) => json?.n)).to.deep.equal(numbers);
    });
  });

  describe('an error', () => {
    it('is answered with its code, message and status', async () => {
      api.dispatch = async () => {
        throw new KmsError('NotFoundException', "Key 'x' does not exist", { detail: 'CKR_PRIVATE' });
      };
      const answer = await call(api, 'Encrypt', '{}');
      expect(answer.status).to.equal(400);
      expect(answer.json).to.deep.equal({ __type: 'NotFoundException', message: "Key 'x' does not exist" });
      expect(answer.headers['x-amzn-errortype']).to.equal('NotFoundException');
      expect(answer.headers['x-amzn-requestid']).to.match(uuid);
      expect(api.log.some(({ detail }) => detail === 'CKR_PRIVATE')).to.equal(true);
      expect(api.refusals).to.deep.equal([]);
    });

    it('of a ciphertext has no message', async () => {
      api.dispatch = async () => {
        throw new KmsError('InvalidCiphertextException', 'the tag is wrong');
      };
      expect((await call(api, 'Encrypt', '{}')).text).to.equal('{"__type":"InvalidCiphertextException"}');
    });

    it('of the service itself is a 5xx, which clients retry', async () => {
      for (const [code, status] of [
        ['KMSInternalException', 500],
        ['KeyUnavailableException', 500],
        ['DependencyTimeoutException', 503],
      ] as const) {
        api.dispatch = async () => {
          throw new KmsError(code, 'message');
        };
        expect((await call(api, 'Encrypt', '{}')).status).to.equal(status);
      }
    });

    for (const [what, thrown] of [
      ['an Error', new Error('CKR_GENERAL_ERROR at 0xdead')],
      ['a TypeError', new TypeError('undefined is not a function')],
      ['nothing', undefined],
      ['an object without prototype', Object.create(null)],
    ] as const) {
      it(`that nobody foresaw (${what}) tells nothing`, async () => {
        api.dispatch = async () => {
          throw thrown;
        };
        const answer = await call(api, 'Encrypt', '{}');
        expect(answer.status).to.equal(500);
        expect(answer.json?.__type).to.equal('KMSInternalException');
        expect(answer.text).not.to.match(/CKR|0x|function|\.ts|node:/);
        expect((await call(api, 'Encrypt', '{}')).status, 'still serving').to.equal(500);
      });
    }

    it('of an answer that is no JSON is an internal one', async () => {
      api.dispatch = async () => ({ n: 1n });
      expect((await call(api, 'Encrypt', '{}')).status).to.equal(500);
    });
  });

  describe('a request refused before its operation', () => {
    const hostile: [string, string | Buffer][] = [
      ['no body', ''],
      ['no JSON', 'Action=Encrypt'],
      ['half of JSON', '{"KeyId":'],
      ['an array', '[]'],
      ['a string', '"x"'],
      ['null', 'null'],
      ['a repeated member', '{"KeyId":"a","KeyId":"b"}'],
      ['__proto__', '{"__proto__":{"admin":true}}'],
      ['a lone surrogate', '{"KeyId":"\\ud800"}'],
      ['bad UTF-8', Buffer.from('{"KeyId":"\xff"}', 'latin1')],
      ['a byte order mark', '\ufeff{}'],
      ['a million brackets', '['.repeat(1_000_000)],
      ['200,000 levels', `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`],
    ];
    for (const [what, body] of hostile) {
      it(`for a body that holds ${what} gets a SerializationException`, async () => {
        const answer = await call(api, 'Encrypt', body);
        expect(answer.status).to.equal(400);
        expect(answer.json?.__type).to.equal('SerializationException');
        expect(api.calls).to.deep.equal([]);
        expect(api.refusals.map(({ refusal }) => refusal.principal)).to.deep.equal([principal]);
        expect(api.refusals[0]?.refusal.operation).to.equal('Encrypt');
      });
    }

    for (const [what, headers] of [
      ['a target of another service', { 'x-amz-target': 'DynamoDB_20120810.GetItem' }],
      ['a bare target', { 'x-amz-target': 'Encrypt' }],
      ['plain JSON', { 'content-type': 'application/json' }],
      ['JSON 1.0', { 'content-type': 'application/x-amz-json-1.0' }],
      ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ] as const) {
      it(`for ${what} gets an UnknownOperationException`, async () => {
        const answer = await call(api, 'Encrypt', '{}', { headers });
        expect(answer.status).to.equal(400);
        expect(answer.text).to.equal('{"__type":"UnknownOperationException"}');
        expect(api.calls).to.deep.equal([]);
        expect(api.refusals.length).to.equal(1);
      });
    }

    it('for a media type with what is no white space behind it gets an UnknownOperationException', async () => {
      const { sign } = await import('../identity/signing.ts');
      const host = `127.0.0.1:${api.port}`;
      const signed = await sign({ host, body: '{}', headers: { 'x-amz-target': 'TrentService.Encrypt' } });
      const typed = (type: string) =>
        send(api, { ...signed, headers: { ...signed.headers, 'content-type': type } });
      expect((await typed('application/x-amz-json-1.1 \t; a=b')).status).to.equal(200);
      for (const type of ['application/x-amz-json-1.1\xa0', 'application/x-amz-json-1.1 a', ' ']) {
        expect((await typed(type)).text).to.equal('{"__type":"UnknownOperationException"}');
      }
    });

    it('without a target gets an UnknownOperationException', async () => {
      const signed = await signCall(api, 'Encrypt', '{}');
      const { 'x-amz-target': _gone, authorization: _old, 'x-amz-date': _date, ...headers } = signed.headers;
      expect((await send(api, { ...signed, headers })).json?.__type).to.equal(
        'MissingAuthenticationTokenException',
      );
      const { sign } = await import('../identity/signing.ts');
      const request = await sign({ host: `127.0.0.1:${api.port}`, body: '{}' });
      expect((await send(api, request)).json?.__type).to.equal('UnknownOperationException');
    });

    it('without a signature is told so before its body is judged, and recorded without a principal', async () => {
      const answer = await send(api, {
        method: 'POST',
        url: '/',
        headers: { 'content-length': '1' },
        body: Buffer.from('{'),
      });
      expect(answer.status).to.equal(400);
      expect(answer.json).to.deep.equal({
        __type: 'MissingAuthenticationTokenException',
        message: 'Missing Authentication Token',
      });
      expect(api.refusals[0]?.refusal).to.include({
        principal: undefined,
        operation: undefined,
        sourceIp: '127.0.0.1',
      });
    });

    it('with another body than was signed is refused', async () => {
      const signed = await signCall(api, 'Encrypt', '{"KeyId":"a"}');
      const { 'x-amz-content-sha256': _gone, ...headers } = signed.headers;
      const answer = await send(api, { ...signed, headers, body: Buffer.from('{"KeyId":"b"}') });
      expect(answer.json?.__type).to.equal('InvalidSignatureException');
    });

    it('is recorded with the access key that it claims to be of, where it claims one', async () => {
      const forged = await call(api, 'Encrypt', '{}', { secretAccessKey: 'guessed' });
      expect(forged.json?.__type).to.equal('InvalidSignatureException');
      await call(api, 'Encrypt', '{}', { region: 'eu-west-1' });
      await call(api, 'Encrypt', '{}', { accessKeyId: 'AKIANOBODY0000000000' });
      await send(api, { method: 'POST', url: '/' });
      expect(
        api.refusals.map(({ refusal: { principal, accessKeyId } }) => [principal, accessKeyId]),
      ).to.deep.equal([
        [undefined, 'AKIAIOSFODNN7EXAMPLE'],
        [undefined, 'AKIAIOSFODNN7EXAMPLE'],
        [undefined, 'AKIANOBODY0000000000'],
        [undefined, undefined],
      ]);
    });

    it('is answered only after it was recorded', async () => {
      let record = () => {};
      const recorded = new Promise<void>((resolve) => {
        record = resolve;
      });
      const order: string[] = [];
      api.refused = async () => {
        await recorded;
        order.push('recorded');
      };
      const answered = call(api, 'Encrypt', '[]').then(() => order.push('answered'));
      while (api.refusals.length === 0) await new Promise((resolve) => setImmediate(resolve));
      record();
      await answered;
      expect(order).to.deep.equal(['recorded', 'answered']);
    });

    it('is an internal error where it could not be recorded', async () => {
      api.refused = async () => {
        throw new Error('disk full');
      };
      const answer = await call(api, 'Encrypt', '[]');
      expect(answer.status).to.equal(500);
      expect(answer.text).not.to.include('disk');
    });
  });

  describe('a request whose headers alone show that it will be refused', () => {
    for (const [what, code, more] of [
      ['another region', 'InvalidSignatureException', { region: 'eu-west-1' }],
      ['a time long gone', 'InvalidSignatureException', { date: new Date(0) }],
      [
        'an access key that nobody has',
        'UnrecognizedClientException',
        { accessKeyId: 'AKIANOBODY0000000000' },
      ],
      ['an access key that can be none', 'UnrecognizedClientException', { accessKeyId: 'x'.repeat(9_000) }],
    ] as const) {
      it(`for ${what} is answered before its body comes`, async () => {
        const { socket, closed } = open(api);
        const answered = once(socket, 'data');
        socket.write(head(await signCall(api, 'Encrypt', '{}', more), { 'content-length': '2' }));
        const [text] = await answered;
        expect(String(text)).to.match(/^HTTP\/1\.1 400 /);
        expect(String(text)).to.include(`"__type":"${code}"`);
        // The connection can be used again once the body was sent.
        socket.write('{}');
        socket.write(bytes(await signCall(api, 'Encrypt', '{}'), { connection: 'close' }));
        expect(await closed).to.match(/HTTP\/1\.1 200 /);
      });
    }

    it('for a signature that can be none is answered before its body comes', async () => {
      const { socket } = open(api);
      const answered = once(socket, 'data');
      const text = head(await signCall(api, 'Encrypt', '{}'), { 'content-length': '2' });
      socket.write(text.replace(/Signature=[0-9a-f]+/, 'Signature=00'));
      expect(String((await answered)[0])).to.include('InvalidSignatureException');
      socket.destroy();
    });

    it('for want of a signature is answered before its body comes, whatever its length', async () => {
      for (const length of [
        'content-length: 1000000',
        'content-length: 100000000',
        'transfer-encoding: chunked',
      ]) {
        const { socket } = open(api);
        const answered = once(socket, 'data');
        socket.write(`POST / HTTP/1.1\r\nhost: a\r\n${length}\r\n\r\n`);
        expect(String((await answered)[0])).to.include('MissingAuthenticationTokenException');
        socket.destroy();
      }
    });

    it('is not read for ever', async () => {
      const { socket, closed } = open(api);
      socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000000\r\n\r\n');
      const piece = Buffer.alloc(1024 * 1024);
      let isOpen = true;
      socket.on('close', () => {
        isOpen = false;
      });
      let sent = 0;
      while (isOpen) {
        sent += piece.length;
        if (!socket.write(piece)) {
          await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
        }
      }
      expect(await closed).to.include('MissingAuthenticationTokenException');
      expect(sent).to.be.lessThan(64 * 1024 * 1024);
    });
  });

  describe('a body', () => {
    it('whose declared length is too much is refused before it comes', async () => {
      const { socket } = open(api);
      const answered = once(socket, 'data');
      socket.write(head(await signCall(api, 'Encrypt', ''), { 'content-length': String(1024 * 1024 + 1) }));
      const text = String((await answered)[0]);
      expect(text).to.match(/^HTTP\/1\.1 413 /);
      expect(text).to.match(/connection: close/i);
      socket.destroy();
    });

    it('finds no memory where other bodies on their way have taken it, unless it is small', async () => {
      const kibibyte = 1024;
      const tight = await startApi({
        body: { bytes: 1024 * kibibyte, milliseconds: 20_000, total: 128 * kibibyte },
      });
      try {
        const large = `{"a":"${'x'.repeat(80 * kibibyte)}"}`;
        expect((await call(tight, 'Encrypt', large)).status, 'alone').to.equal(200);
        const { socket, closed } = open(tight);
        socket.write(
          head(await signCall(tight, 'Encrypt', ''), { 'content-length': String(500 * kibibyte) }),
        );
        socket.write('x'.repeat(80 * kibibyte));
        let answer = await call(tight, 'Encrypt', large);
        while (answer.status === 200) answer = await call(tight, 'Encrypt', large);
        expect(answer.json).to.deep.equal({ __type: 'ThrottlingException', message: 'Rate exceeded' });
        const small = await signCall(tight, 'Encrypt', `{"a":"${'x'.repeat(8 * kibibyte)}"}`);
        const slow = open(tight);
        const all = bytes(small, { connection: 'close' });
        for (let from = 0; from < all.length; from += 2000) {
          slow.socket.write(all.subarray(from, from + 2000));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(await slow.closed).to.match(/^HTTP\/1\.1 200 /);
        socket.destroy();
        await closed;
        while (answer.status !== 200) answer = await call(tight, 'Encrypt', large);
      } finally {
        await tight.close(0);
      }
    });

    it('of many mebibytes is refused, and a client that reads nothing before it has sent all hears of it', async () => {
      const { socket, closed } = open(api);
      socket.pause();
      const body = Buffer.alloc(12 * 1024 * 1024);
      socket.write(head(await signCall(api, 'Encrypt', ''), { 'content-length': String(body.length) }));
      await new Promise((resolve) => socket.write(body, resolve));
      socket.resume();
      expect(await closed).to.match(/^HTTP\/1\.1 413 /);
    });

    it('of more than a mebibyte is refused, and the client hears of it', async () => {
      const answer = await call(api, 'Encrypt', 'x'.repeat(1024 * 1024 + 1));
      expect(answer.status).to.equal(413);
      expect(answer.json?.__type).to.equal('RequestEntityTooLargeException');
      expect(answer.headers.connection).to.equal('close');
      expect(api.calls).to.deep.equal([]);
    });

    it('that is there at once is measured too', async () => {
      const small = await startApi({ body: { bytes: 1024, milliseconds: 5000 } });
      try {
        expect((await call(small, 'Encrypt', `{"a":"${'x'.repeat(1016)}"}`)).status).to.equal(200);
        const answer = await call(small, 'Encrypt', `{"a":"${'x'.repeat(1017)}"}`);
        expect(answer.status).to.equal(413);
        expect(small.calls.length).to.equal(1);
      } finally {
        await small.close(0);
      }
    });

    it('without end is refused, and not kept', async () => {
      const { socket, closed } = open(api);
      socket.write(head(await signCall(api, 'Encrypt', ''), { 'transfer-encoding': 'chunked' }));
      const chunk = Buffer.concat([
        Buffer.from('10000\r\n'),
        Buffer.alloc(65_536, 0x20),
        Buffer.from('\r\n'),
      ]);
      let isOpen = true;
      socket.on('close', () => {
        isOpen = false;
      });
      const drained = () => new Promise((resolve) => socket.once('drain', resolve));
      while (isOpen) if (!socket.write(chunk)) await Promise.race([drained(), closed]);
      await closed;
      expect(api.refusals[0]?.error.code).to.equal('RequestEntityTooLargeException');
    });

    it('that does not come in time is refused', async () => {
      const slow = await startApi({ body: { bytes: 1024, milliseconds: 50 } });
      try {
        const { socket, closed } = open(slow);
        socket.write(`${head(await signCall(slow, 'Encrypt', ''), { 'content-length': '10' })}{`);
        const text = await closed;
        expect(text).to.match(/^HTTP\/1\.1 408 /);
        expect(text).to.match(/connection: close/i);
        expect(text).to.include('"__type":"RequestTimeoutException"');
      } finally {
        await slow.close(0);
      }
    });

    it("whose sender hangs up is nobody's business", async () => {
      const { socket, closed } = open(api);
      socket.write(`${head(await signCall(api, 'Encrypt', ''), { 'content-length': '10' })}{`);
      await call(api, 'Encrypt', '{}');
      socket.destroy();
      await closed;
      expect((await call(api, 'Encrypt', '{}')).status).to.equal(200);
      expect(api.refusals).to.deep.equal([]);
    });

    it("whose sender hangs up while the credential is looked up is nobody's business either", async () => {
      let leave = async () => {};
      const gone: Api = await startApi({
        signer: async () => {
          await leave();
          return { principal, sign: () => '' };
        },
        body: { bytes: 1024, milliseconds: 50 },
      });
      const { socket, closed } = open(gone);
      leave = async () => {
        socket.destroy();
        await closed;
        // Once others were answered the service has seen it.
        for (let other = 0; other < 3; other++) await send(gone, { method: 'GET', url: '/healthz' });
      };
      socket.write(`${head(await signCall(gone, 'Encrypt', ''), { 'content-length': '10' })}{`);
      await closed;
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(gone.refusals).to.deep.equal([]);
      await gone.close(0);
    });
  });

  describe('anything else', () => {
    for (const [method, url] of [
      ['GET', '/'],
      ['PUT', '/'],
      ['OPTIONS', '/'],
      ['POST', '/a'],
      ['POST', '//'],
      ['POST', '/%E0%A4%A'],
      ['POST', '/__proto__'],
      ['GET', '/healthz/../x'],
      ['TRACE', '/'],
      ['POST', '/healthz'],
    ] as const) {
      it(`${method} ${url} is not found`, async () => {
        const answer = await send(api, { method, url });
        expect(answer.status).to.equal(404);
        expect(answer.text).to.equal('{"__type":"UnknownOperationException"}');
        expect(answer.headers['x-amzn-requestid']).to.match(uuid);
      });
    }

    for (const [what, text] of [
      ['no HTTP', '\x16\x03\x01\x00\x05hello\r\n\r\n'],
      ['a huge header', `POST / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
      ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
      [
        'length and chunks',
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ],
      ['a broken chunk', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
      ['a bare line feed in a header', 'POST / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n'],
      ['no host', 'POST / HTTP/1.1\r\n\r\n'],
      ['an absolute target', 'POST http://other/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
      ['a star', 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
      ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
    ] as const) {
      it(`such as ${what} is refused, and the next request served`, async () => {
        const { socket, closed } = open(api);
        socket.end(text, 'latin1');
        const answer = await closed;
        if (answer !== '') expect(answer).to.match(/^HTTP\/1\.1 4\d\d /);
        expect((await call(api, 'Encrypt', '{}')).status).to.equal(200);
      });
    }
  });

  describe('for those who run it', () => {
    it('/healthz says that the process is alive', async () => {
      expect((await send(api, { method: 'GET', url: '/healthz' })).status).to.equal(200);
    });

    it('/readyz says what is ready', async () => {
      const url = '/readyz';
      expect((await send(api, { method: 'GET', url })).status).to.equal(200);
    });

    it('/readyz says what is not ready', async () => {
      api.readiness = async () => ({ ready: false, checks: { token: 'no host answers' } });
      const answer = await send(api, { method: 'GET', url: '/readyz' });
      expect(answer.status).to.equal(503);
      expect(answer.json).to.deep.equal({ ready: false, checks: { token: 'no host answers' } });
    });

    it('/readyz tells nothing of an error that nobody foresaw', async () => {
      api.readiness = () => {
        throw new Error('private');
      };
      const failed = await send(api, { method: 'GET', url: '/readyz' });
      expect(failed.status).to.equal(500);
      expect(failed.text).not.to.include('private');
    });

    it('/readyz and /metrics asked for in a loop cost nothing', async () => {
      let asked = 0;
      api.readiness = async () => {
        asked++;
        return { ready: true, checks: {} };
      };
      const began = performance.now();
      for (let round = 0; round < 20; round++) {
        const answers = await Promise.all([1, 2, 3].map(() => send(api, { method: 'GET', url: '/readyz' })));
        expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
      }
      expect(asked).to.be.at.most(1 + Math.floor((performance.now() - began) / 1000));
      const before = (await send(api, { method: 'GET', url: '/metrics' })).text;
      await call(api, 'Encrypt', '{}');
      expect((await send(api, { method: 'GET', url: '/metrics' })).text).to.equal(before);
    });

    it('/metrics counts requests by operation and error, in no more series than there are operations', async () => {
      await call(api, 'Encrypt', '{}');
      await call(api, 'Encrypt', '[]');
      api.dispatch = async () => {
        throw new KmsError('UnknownOperationException', '');
      };
      await call(api, 'Invented1', '{}');
      await call(api, 'Invented2', '{}');
      await send(api, { method: 'POST', url: '/' });
      const { text, headers } = await send(api, { method: 'GET', url: '/metrics' });
      expect(headers['content-type']).to.match(/^text\/plain; version=0\.0\.4/);
      expect(text).to.include('coffer_requests_total{operation="Encrypt",error="none"} 1\n');
      expect(text).to.include(
        'coffer_requests_total{operation="Encrypt",error="SerializationException"} 1\n',
      );
      expect(text).to.include(
        'coffer_requests_total{operation="unknown",error="UnknownOperationException"} 2\n',
      );
      expect(text).to.include(
        'coffer_unauthenticated_requests_total{error="MissingAuthenticationTokenException"} 1\n',
      );
      expect(text).to.match(/coffer_request_seconds_count\{operation="Encrypt"\} 2\n/);
      expect(text).not.to.include('Invented');
    });
  });
});
