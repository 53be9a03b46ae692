import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import type { ErrorCode } from '../../src/errors.ts';
import { KmsError } from '../../src/errors.ts';
import { RequestHeaders } from '../../src/identity/sigv4/headers.ts';
import { Hmac } from '../../src/identity/sigv4/hmac.ts';
import { claimOf, judge, verify as verifyBody } from '../../src/identity/sigv4/verify.ts';
import { credential, deriveKey, principal, type Signed, sign } from './signing.ts';

const at = new Date('2026-01-31T12:00:00Z');

interface Expecting {
  readonly region?: string;
  readonly service?: string;
  readonly secret?: string;
  readonly now?: number;
}

function raw(headers: Record<string, string>): string[] {
  return Object.entries(headers).flat();
}

async function verify(
  request: { method: string; url: string; headers: string[] | Record<string, string>; body: Buffer },
  {
    region = 'us-east-1',
    service = 'kms',
    secret = credential.secretAccessKey,
    now = at.getTime(),
  }: Expecting = {},
) {
  const { method, url, body } = request;
  const headers = new RequestHeaders(Array.isArray(request.headers) ? request.headers : raw(request.headers));
  const head = { method, url, headers };
  const claim = claimOf(head);
  const canonical = judge(head, claim, {
    regions: [region],
    service,
    clock: { now: () => now, monotonic: () => 0 },
  });
  if (claim.accessKeyId !== credential.accessKeyId && claim.accessKeyId !== 'AKIDEXAMPLE') {
    throw new KmsError('UnrecognizedClientException', 'unknown');
  }
  const key = new Hmac(deriveKey(secret, claim.date, region, service));
  const signer = { principal, sign: (text: string) => key.hex(text) };
  return verifyBody(claim, canonical, signer, body, headers.get('x-amz-content-sha256'));
}

async function refused(
  request: Parameters<typeof verify>[0],
  code: ErrorCode,
  text = '',
  expecting?: Expecting,
) {
  let error: unknown;
  try {
    await verify(request, expecting);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).to.be.instanceOf(KmsError).with.property('code', code);
  expect(error).to.have.property('message').that.includes(text);
}

function signEncrypt(more: Parameters<typeof sign>[0] = {}): Promise<Signed> {
  return sign({
    date: at,
    body: '{"KeyId":"alias/a"}',
    ...more,
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'TrentService.Encrypt',
      ...more.headers,
    },
  });
}

function without(request: Signed, name: string): Signed {
  const { [name]: _gone, ...headers } = request.headers;
  return { ...request, headers };
}

function changed(request: Signed, name: string, change: (value: string) => string): Signed {
  return { ...request, headers: { ...request.headers, [name]: change(request.headers[name] ?? '') } };
}

/** Signs the headers named, in that order: what no signer of AWS's does. */
function signByHand(request: Signed, names: readonly string[]): Signed {
  const sha256 = (text: string | Buffer) =>
    createHash('sha256')
      .update(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
      .digest('hex');
  const lines = names.map((name) => `${name}:${request.headers[name]}\n`).join('');
  const canonical = `POST\n/\n\n${lines}\n${names.join(';')}\n${sha256(request.body)}`;
  const scope = '20260131/us-east-1/kms/aws4_request';
  const key = new Hmac(deriveKey(credential.secretAccessKey, '20260131', 'us-east-1', 'kms'));
  const signature = key.hex(`AWS4-HMAC-SHA256\n20260131T120000Z\n${scope}\n${sha256(canonical)}`);
  return changed(
    request,
    'authorization',
    () =>
      `AWS4-HMAC-SHA256 Credential=${credential.accessKeyId}/${scope},SignedHeaders=${names.join(';')},Signature=${signature}`,
  );
}

describe('SigV4', () => {
  describe("AWS's published test suite", () => {
    const vectors: {
      name: string;
      method: string;
      url: string;
      headers: string[];
      body: string;
      signature: string;
    }[] = JSON.parse(readFileSync(new URL('../vectors/sigv4.json', import.meta.url), 'utf8'));
    for (const { name, signature, ...vector } of vectors) {
      const names = new Set(['host', 'x-amz-date']);
      for (let i = 0; i < vector.headers.length; i += 2) names.add(String(vector.headers[i]).toLowerCase());
      const authorization =
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ' +
        `SignedHeaders=${[...names].sort().join(';')}, Signature=${signature}`;
      const headers = ['Host', 'example.amazonaws.com', ...vector.headers, 'X-Amz-Date', '20150830T123600Z'];
      const request = {
        ...vector,
        body: Buffer.from(vector.body),
        headers: [...headers, 'Authorization', authorization],
      };
      const expecting = {
        service: 'service',
        secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
        now: Date.UTC(2015, 7, 30, 12, 36),
      };
      it(`verifies ${name}`, async () => {
        await verify(request, expecting);
      });
      it(`refuses ${name} under another secret`, async () => {
        await refused(request, 'InvalidSignatureException', '', { ...expecting, secret: 'other' });
      });
    }
  });

  it("says who signed what AWS's SDK signs", async () => {
    const verified = await verify(await signEncrypt());
    expect(verified).to.deep.equal({ principal, accessKeyId: credential.accessKeyId, region: 'us-east-1' });
  });

  it('verifies whatever the SDK signs, and nothing of it altered', async () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ019 -_.~!*()/=&+%,;:@$\'"'), maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.dictionary(fc.stringMatching(/^x-[a-z]{1,8}$/), text, { maxKeys: 4 }),
        fc.dictionary(fc.stringMatching(/^[A-Za-z0-9 ~+/]{1,6}$/), text, { maxKeys: 3 }),
        fc.boolean(),
        fc.nat(),
        async (bytes, headers, query, presigned, where) => {
          const body = Buffer.from(bytes);
          const signed = await signEncrypt({ headers, query, body, ...(presigned && { presign: 60 }) });
          await verify(signed);

          const flipped = Buffer.concat([body, Buffer.from('!')]);
          flipped[where % flipped.length] = (flipped[where % flipped.length] ?? 0) ^ 1;
          await refused({ ...signed, body: flipped }, 'InvalidSignatureException');
          await refused({ ...signed, method: 'PUT' }, 'InvalidSignatureException');
          await refused({ ...signed, url: signed.url.replace('/', '/a') }, 'InvalidSignatureException');
          const more = signed.url.includes('?') ? `${signed.url}&b=` : `${signed.url}?b`;
          await refused({ ...signed, url: more }, 'InvalidSignatureException');
          for (const name of Object.keys(signed.headers)) {
            if (name === 'authorization' || name === 'x-amz-date') continue;
            await refused(
              changed(signed, name, (value) => `${value}x`),
              'InvalidSignatureException',
            );
            await refused(without(signed, name), 'InvalidSignatureException');
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('verifies a signature with a Date header instead of X-Amz-Date', async () => {
    const signed = await signEncrypt();
    const [, first = ''] = /SignedHeaders=([^,]*)/.exec(signed.headers.authorization ?? '') ?? [];
    const names = first.split(';').filter((name) => name !== 'x-amz-date');
    const dated = signByHand(
      changed(without(signed, 'x-amz-date'), 'date', () => 'Sat, 31 Jan 2026 12:00:00 GMT'),
      names,
    );
    await verify(dated);
    await refused(
      changed(dated, 'date', () => 'Sat, 31 Jan 2026 12:00:01 GMT'),
      'InvalidSignatureException',
    );
  });

  describe('what is missing', () => {
    it('refuses a request without authentication', async () => {
      const signed = await signEncrypt();
      await refused(
        without(signed, 'authorization'),
        'MissingAuthenticationTokenException',
        'Missing Authentication Token',
      );
    });

    it('names what an Authorization header lacks, and does not show the header', async () => {
      const signed = await signEncrypt();
      const bare = changed(signed, 'authorization', () => 'AWS4-HMAC-SHA256 Credential=secret');
      await refused(bare, 'IncompleteSignatureException', "requires 'Signature' parameter");
      await refused(bare, 'IncompleteSignatureException', "requires 'SignedHeaders' parameter");
      const bearer = changed(signed, 'authorization', () => 'Bearer secret-token');
      await refused(bearer, 'IncompleteSignatureException', "requires 'Credential' parameter");
      try {
        await verify(bearer);
      } catch (error) {
        expect(String(error)).not.to.include('secret-token');
      }
      await refused(
        without(signed, 'x-amz-date'),
        'IncompleteSignatureException',
        "'X-Amz-Date' or a 'Date' header",
      );
    });

    for (const [what, header] of [
      ['another algorithm', 'AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=00'],
      ['a part without equal-sign', 'AWS4-HMAC-SHA256 Credential'],
      [
        'a part that is not known',
        'AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Other=1, SignedHeaders=host, Signature=0',
      ],
      [
        'a part twice',
        'AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Credential=a/b/c/d/e, SignedHeaders=host, Signature=0',
      ],
      ['a scope of four parts', 'AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=host, Signature=0'],
      ['a scope of six parts', 'AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, SignedHeaders=host, Signature=0'],
      ['an empty signature', 'AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature='],
      ['nothing but the algorithm', 'AWS4-HMAC-SHA256'],
    ] as const) {
      it(`refuses an Authorization header with ${what}`, async () => {
        await refused(
          changed(await signEncrypt(), 'authorization', () => header),
          'IncompleteSignatureException',
        );
      });
    }

    for (const date of [
      '2026-01-31T12:00:00Z',
      '20260230T120000Z',
      '20260131T240000Z',
      '20260131T1200000',
      'now',
      '',
    ]) {
      it(`refuses the time \`${date}\``, async () => {
        const signed = changed(await signEncrypt(), 'x-amz-date', () => date);
        await refused(signed, 'IncompleteSignatureException');
      });
    }
  });

  describe('what must be signed', () => {
    it('refuses an unsigned x-amz-target', async () => {
      const signed = await sign({ date: at, body: '{}' });
      const request = changed(signed, 'x-amz-target', () => 'TrentService.Encrypt');
      await refused(request, 'InvalidSignatureException', "'x-amz-target' must be a 'SignedHeader'");
    });

    it('refuses any unsigned x-amz header', async () => {
      const signed = await signEncrypt();
      const more = changed(signed, 'X-Amz-Other', () => '1');
      await refused(more, 'InvalidSignatureException', "'x-amz-other' must be a 'SignedHeader'");
    });

    it('refuses an unsigned host', async () => {
      const signed = await signEncrypt();
      const names = (value: string) => value.replace(/host;/, '');
      await refused(
        changed(signed, 'authorization', names),
        'InvalidSignatureException',
        "'Host' or ':authority'",
      );
    });

    it('refuses a header named twice, which would make up for another that is not signed', async () => {
      const { 'x-amz-content-sha256': _gone, ...headers } = (await signEncrypt()).headers;
      const request = { ...(await signEncrypt()), headers };
      await verify(signByHand(request, ['host', 'x-amz-date', 'x-amz-target']));
      for (const names of [
        ['host', 'x-amz-date', 'x-amz-date'],
        ['host', 'x-amz-target', 'x-amz-date'],
      ]) {
        await refused(signByHand(request, names), 'InvalidSignatureException');
      }
    });

    it('refuses a signed header that is not there, twice named or out of order', async () => {
      for (const list of [
        'host;x-amz-date;x-gone',
        'host;host',
        'x-amz-date;host',
        'Host',
        ';host',
        'host;',
      ]) {
        const signed = changed(await signEncrypt(), 'authorization', (value) =>
          value.replace(/SignedHeaders=[^,]*/, `SignedHeaders=${list}`),
        );
        await refused(signed, 'InvalidSignatureException');
      }
    });

    for (const name of ['host', 'x-amz-target', 'x-amz-date', 'authorization', 'content-type']) {
      it(`refuses two ${name} headers, whichever of them was signed`, async () => {
        const { headers, ...signed } = await signEncrypt();
        await refused({ ...signed, headers: [...raw(headers), name, 'other'] }, expectedFor(name));
        await refused({ ...signed, headers: [name, 'other', ...raw(headers)] }, expectedFor(name));
        await refused(
          { ...signed, headers: [...raw(headers), name, headers[name] ?? ''] },
          expectedFor(name),
        );
      });
    }
    const expectedFor = (name: string): ErrorCode =>
      name === 'x-amz-date' ? 'IncompleteSignatureException' : 'InvalidSignatureException';

    it('refuses a header that was signed as two values and came as one more', async () => {
      const { headers, ...signed } = await signEncrypt({
        headers: { 'x-amz-target': 'TrentService.Encrypt,a' },
      });
      const split = raw({ ...headers, 'x-amz-target': 'TrentService.Encrypt' });
      await refused(
        { ...signed, headers: [...split, 'x-amz-target', 'a'] },
        'InvalidSignatureException',
        'more than one',
      );
    });
  });

  describe('bytes of a header that are not ASCII', () => {
    const sign = async (value: string) => {
      const request = changed(await signEncrypt(), 'x-amz-note', () => value);
      const names = Object.keys(request.headers).filter((name) => name !== 'authorization');
      return signByHand(request, names.sort());
    };

    it('verify where they were signed as they came', async () => {
      const onTheWire = Buffer.from('ключ', 'utf8').toString('latin1');
      await verify(await sign(onTheWire));
      await refused(
        changed(await sign(onTheWire), 'x-amz-note', () => Buffer.from('ключи', 'utf8').toString('latin1')),
        'InvalidSignatureException',
      );
      const long = await sign(onTheWire.repeat(2_000));
      await verify(long);
      await refused(
        changed(long, 'x-amz-note', (value) => `${value}\xa0`),
        'InvalidSignatureException',
      );
    });

    for (const [what, added] of [
      ['a no-break space', '\xa0'],
      ['a next line', '\x85'],
      ['a vertical tab', '\x0b'],
    ] as const) {
      it(`are not taken for white space: ${what} around a signed target`, async () => {
        const signed = await signEncrypt();
        for (const change of [(value: string) => `${value}${added}`, (value: string) => `${added}${value}`]) {
          await refused(changed(signed, 'x-amz-target', change), 'InvalidSignatureException');
        }
        await verify(changed(signed, 'x-amz-target', (value) => `\t ${value} \t`));
      });
    }
  });

  it('verifies what a client signed without its content-type, as some of AWS do', async () => {
    await verify(
      signByHand(await signEncrypt(), ['host', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-target']),
    );
  });

  describe('the body', () => {
    for (const value of ['UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', '0'.repeat(64)]) {
      it(`refuses x-amz-content-sha256 \`${value.slice(0, 20)}\`, also signed`, async () => {
        const signed = await signEncrypt({ headers: { 'x-amz-content-sha256': value } });
        await refused(signed, 'InvalidSignatureException', "'x-amz-content-sha256'");
      });
    }
  });

  describe('the scope', () => {
    for (const [what, text, part] of [
      ['another region', "valid region, not 'eu-west-1'", { region: 'eu-west-1' }],
      ['another service', "correct service: 'kms'", { service: 's3' }],
    ] as const) {
      it(`refuses ${what}`, async () => {
        await refused(await signEncrypt(part), 'InvalidSignatureException', text);
      });
    }

    it('refuses another terminator', async () => {
      const signed = changed(await signEncrypt(), 'authorization', (value) =>
        value.replace('aws4_request', 'aws5'),
      );
      await refused(signed, 'InvalidSignatureException', "valid terminator: 'aws4_request'");
    });

    it('refuses a date other than that of the time', async () => {
      const signed = changed(await signEncrypt(), 'authorization', (value) =>
        value.replace('/20260131/', '/20260130/'),
      );
      await refused(signed, 'InvalidSignatureException', "'20260130' != '20260131', from '20260131T120000Z'");
    });

    it('refuses an unknown access key', async () => {
      await refused(await signEncrypt({ accessKeyId: 'AKIAUNKNOWN' }), 'UnrecognizedClientException');
    });

    it('gives the token of temporary credentials to be judged', async () => {
      for (const more of [{}, { presign: 60 }]) {
        const signed = await signEncrypt({ sessionToken: 'to+ken/=', ...more });
        const headers = new RequestHeaders(raw(signed.headers));
        expect(claimOf({ ...signed, headers }).sessionToken).to.equal('to+ken/=');
        expect(await verify(signed)).to.include({ principal });
      }
    });

    it('refuses a token that is not signed, altered, left out or given twice', async () => {
      const signed = await signEncrypt({ sessionToken: 'token' });
      await refused(
        changed(signed, 'x-amz-security-token', () => 'other'),
        'InvalidSignatureException',
      );
      await refused(without(signed, 'x-amz-security-token'), 'InvalidSignatureException');
      // Signed as one, which is what two become.
      const joined = without(await signEncrypt({ sessionToken: 'a,b' }), 'x-amz-security-token');
      const twice = ['x-amz-security-token', 'a', 'x-amz-security-token', 'b'];
      await refused(
        { ...joined, headers: [...raw(joined.headers), ...twice] },
        'InvalidSignatureException',
        "more than one 'x-amz-security-token' header",
      );
      const bare = await signEncrypt();
      await refused(
        { ...bare, headers: { ...bare.headers, 'x-amz-security-token': 'token' } },
        'InvalidSignatureException',
        "'x-amz-security-token' must be a 'SignedHeader'",
      );
      const presigned = await signEncrypt({ presign: 60, sessionToken: 'token' });
      await refused(
        { ...presigned, url: presigned.url.replace('Security-Token=token', 'Security-Token=other') },
        'InvalidSignatureException',
      );
      await refused(
        { ...presigned, headers: { ...presigned.headers, 'x-amz-security-token': 'token' } },
        'UnrecognizedClientException',
      );
    });

    it('refuses another secret', async () => {
      await refused(
        await signEncrypt({ secretAccessKey: 'wrong' }),
        'InvalidSignatureException',
        'The request signature we calculated does not match the signature you provided.',
      );
    });
  });

  describe('time', () => {
    const minutes = 60_000;
    it('allows five minutes of skew either way, to the millisecond', async () => {
      const signed = await signEncrypt();
      await verify(signed, { now: at.getTime() + 5 * minutes });
      await verify(signed, { now: at.getTime() - 5 * minutes });
      await refused(
        signed,
        'InvalidSignatureException',
        'Signature expired: 20260131T120000Z is now earlier than',
        {
          now: at.getTime() + 5 * minutes + 1,
        },
      );
      await refused(
        signed,
        'InvalidSignatureException',
        'Signature not yet current: 20260131T120000Z is still later than',
        {
          now: at.getTime() - 5 * minutes - 1,
        },
      );
    });

    it('tells the times as AWS does', async () => {
      await refused(
        await signEncrypt(),
        'InvalidSignatureException',
        'is now earlier than 20260131T120143Z (20260131T120643Z - 5 min.)',
        { now: Date.UTC(2026, 0, 31, 12, 6, 43) },
      );
    });
  });

  describe('presigned requests', () => {
    it('live as long as they say', async () => {
      const signed = await signEncrypt({ presign: 3600 });
      await verify(signed);
      await verify(signed, { now: at.getTime() + 3_600_000 });
      await refused(signed, 'InvalidSignatureException', 'Signature expired', {
        now: at.getTime() + 3_600_001,
      });
      await refused(signed, 'InvalidSignatureException', 'not yet current', { now: at.getTime() - 300_001 });
    });

    it('live a week at most', async () => {
      const week = await signEncrypt({ presign: 604_800 });
      await verify(week, { now: at.getTime() + 604_800_000 });
      for (const expires of ['604801', '0', '-1', '1e3', '', '60.5', ' 60']) {
        const longer = {
          ...week,
          url: week.url.replace('X-Amz-Expires=604800', `X-Amz-Expires=${encodeURIComponent(expires)}`),
        };
        await refused(longer, 'IncompleteSignatureException', 'X-Amz-Expires');
      }
    });

    it('are refused with any part altered, left out or doubled', async () => {
      const signed = await signEncrypt({ presign: 600 });
      const [, query = ''] = signed.url.split('?');
      for (const part of query.split('&')) {
        const [name] = part.split('=');
        const altered = { ...signed, url: signed.url.replace(part, `${part}0`) };
        let code = '';
        await verify(altered).catch((error: KmsError) => {
          code = error.code;
        });
        expect(code, part).to.match(/^(IncompleteSignature|InvalidSignature)Exception$/);
        const left = query
          .split('&')
          .filter((other) => other !== part)
          .join('&');
        if (name?.startsWith('X-Amz-') && name !== 'X-Amz-Content-Sha256') {
          await refused({ ...signed, url: `/?${left}` }, 'IncompleteSignatureException', name);
          await refused({ ...signed, url: `/?${query}&${part}` }, 'IncompleteSignatureException', name);
        }
      }
    });

    it('must sign the target', async () => {
      const { headers, ...signed } = await sign({ date: at, presign: 600, body: '{}' });
      const request = { ...signed, headers: { ...headers, 'x-amz-target': 'TrentService.Encrypt' } };
      await refused(request, 'InvalidSignatureException', "'x-amz-target' must be a 'SignedHeader'");
    });

    it('are refused beside an Authorization header', async () => {
      const signed = await signEncrypt({ presign: 600 });
      const { headers } = await signEncrypt();
      await refused({ ...signed, headers }, 'InvalidSignatureException', 'Only one auth mechanism allowed');
    });

    it('are refused with a broken percent-encoding', async () => {
      const signed = await signEncrypt({ presign: 600 });
      for (const end of ['%', '%4', '%zz', '%-1']) {
        await refused({ ...signed, url: `${signed.url}&a=${end}` }, 'IncompleteSignatureException');
      }
    });
  });
});
