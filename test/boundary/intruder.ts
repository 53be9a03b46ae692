/**
 * Another program that has the PIN: logs in to a token through pkcs11js and tries what it is told to. Runs as a child
 * process, so that neither the library nor the PIN come into the test's.
 */
import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto';
import pkcs11js from 'pkcs11js';

export interface Order {
  readonly module: string;
  readonly label: string;
  readonly pin: string;
  readonly action: /** Removes the object with this CKA_ID (hex), and of this class where it is given. */
    | { readonly type: 'destroy'; readonly id: string; readonly class?: number }
    /** Makes a whole AES key with this CKA_ID (hex) and no label, as another program on the same token may. */
    | { readonly type: 'plant'; readonly id: string }
    | { readonly type: 'change-pin'; readonly pin: string }
    /** Tries everything on every object. */
    | { readonly type: 'probe' };
}

/** What an attempt came to: `ok`, or the number of the CKR code. */
export type Attempts = Record<string, 'ok' | number>;

export interface Findings {
  readonly objects: readonly {
    readonly label: string;
    readonly class: number;
    readonly attempts: Attempts;
  }[];
}

const p11 = new pkcs11js.PKCS11();
const c = pkcs11js;

/** `C_CopyObject` and `C_SetAttributeValue` throw without a code; it stands at the end of the message. */
function codeOf(error: unknown): number {
  if (error instanceof pkcs11js.Pkcs11Error) return error.code;
  const match = error instanceof Error ? /CKR_\w+:(\d+)/.exec(error.message) : null;
  if (match?.[1] === undefined) throw error;
  return Number(match[1]);
}

/** A point of P-256: its generator. */
const generator = Buffer.from(
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
    '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
  'hex',
);
const yes = Buffer.of(1);
const no = Buffer.of(0);

function probe(session: Buffer, slot: Buffer, object: Buffer): Attempts {
  const attempts: Attempts = {};
  // A refused operation may stay active, so every attempt has a session of its own.
  const attempt = (name: string, act: (session: Buffer) => void) => {
    const own = p11.C_OpenSession(slot, c.CKF_SERIAL_SESSION | c.CKF_RW_SESSION);
    try {
      act(own);
      attempts[name] = 'ok';
    } catch (error) {
      attempts[name] = codeOf(error);
    } finally {
      p11.C_CloseSession(own);
    }
  };

  attempt('read CKA_VALUE', (own) => p11.C_GetAttributeValue(own, object, [{ type: c.CKA_VALUE }]));

  const weakenings: Record<string, pkcs11js.Template> = {
    'EXTRACTABLE=true': [{ type: c.CKA_EXTRACTABLE, value: yes }],
    'SENSITIVE=false': [{ type: c.CKA_SENSITIVE, value: no }],
    'WRAP=true': [{ type: c.CKA_WRAP, value: yes }],
    'DERIVE=true': [{ type: c.CKA_DERIVE, value: yes }],
    'SIGN=true': [{ type: c.CKA_SIGN, value: yes }],
    'MODIFIABLE=true': [{ type: c.CKA_MODIFIABLE, value: yes }],
    'LABEL=x': [{ type: c.CKA_LABEL, value: 'x' }],
    'ID=x': [{ type: c.CKA_ID, value: randomBytes(16) }],
  };
  for (const [name, template] of Object.entries(weakenings)) {
    attempt(`set ${name}`, (own) => p11.C_SetAttributeValue(own, object, template));
    attempt(`copy with ${name}`, (own) =>
      p11.C_CopyObject(own, object, [{ type: c.CKA_TOKEN, value: no }, ...template]),
    );
  }
  attempt('copy', (own) => p11.C_CopyObject(own, object, [{ type: c.CKA_TOKEN, value: no }]));

  const wrapper = p11.C_GenerateKey(session, { mechanism: c.CKM_AES_KEY_GEN }, [
    { type: c.CKA_CLASS, value: c.CKO_SECRET_KEY },
    { type: c.CKA_KEY_TYPE, value: c.CKK_AES },
    { type: c.CKA_VALUE_LEN, value: 32 },
    { type: c.CKA_TOKEN, value: no },
    { type: c.CKA_WRAP, value: yes },
    { type: c.CKA_EXTRACTABLE, value: yes },
  ]);
  const pair = p11.C_GenerateKeyPair(
    session,
    { mechanism: c.CKM_RSA_PKCS_KEY_PAIR_GEN },
    [
      { type: c.CKA_MODULUS_BITS, value: 2_048 },
      { type: c.CKA_PUBLIC_EXPONENT, value: Buffer.of(1, 0, 1) },
      { type: c.CKA_TOKEN, value: no },
      { type: c.CKA_WRAP, value: yes },
    ],
    [{ type: c.CKA_TOKEN, value: no }],
  );
  const oaep = {
    mechanism: c.CKM_RSA_PKCS_OAEP,
    parameter: { type: c.CK_PARAMS_RSA_OAEP, hashAlg: c.CKM_SHA_1, mgf: c.CKG_MGF1_SHA1, source: 1 },
  };
  const wrappings: Record<string, [pkcs11js.Mechanism, Buffer]> = {
    'RFC 3394': [{ mechanism: 0x2109 }, wrapper],
    'RFC 5649': [{ mechanism: 0x210a }, wrapper],
    'RSA OAEP': [oaep, pair.publicKey],
    'RSA PKCS#1': [{ mechanism: c.CKM_RSA_PKCS }, pair.publicKey],
  };
  for (const [name, [mechanism, key]] of Object.entries(wrappings)) {
    attempt(`be wrapped by ${name}`, (own) => p11.C_WrapKey(own, mechanism, key, object, Buffer.alloc(512)));
  }
  for (const [name, [mechanism, key]] of [['RFC 3394', [{ mechanism: 0x2109 }, wrapper]] as const]) {
    attempt(`wrap by ${name}`, (own) => p11.C_WrapKey(own, mechanism, object, key, Buffer.alloc(512)));
    attempt(`unwrap by ${name}`, (own) =>
      p11.C_UnwrapKey(own, mechanism, object, randomBytes(40), [
        { type: c.CKA_CLASS, value: c.CKO_SECRET_KEY },
        { type: c.CKA_KEY_TYPE, value: c.CKK_AES },
        { type: c.CKA_TOKEN, value: no },
      ]),
    );
  }

  const gcm = {
    mechanism: c.CKM_AES_GCM,
    parameter: {
      type: c.CK_PARAMS_AES_GCM_v240,
      iv: randomBytes(12),
      ivBits: 96,
      aad: Buffer.from('a'),
      tagBits: 128,
    },
  };
  const ctr = {
    mechanism: 0x1086,
    parameter: Buffer.concat([Buffer.from([128, 0, 0, 0, 0, 0, 0, 0]), randomBytes(16)]),
  };
  const ciphers: Record<string, pkcs11js.Mechanism> = {
    'AES-GCM': gcm,
    'AES-ECB': { mechanism: c.CKM_AES_ECB },
    'AES-CBC': { mechanism: c.CKM_AES_CBC, parameter: randomBytes(16) },
    'AES-CBC-PAD': { mechanism: c.CKM_AES_CBC_PAD, parameter: randomBytes(16) },
    'AES-CTR': ctr,
  };
  for (const [name, mechanism] of Object.entries(ciphers)) {
    attempt(`encrypt with ${name}`, (own) => {
      p11.C_EncryptInit(own, mechanism, object);
      p11.C_Encrypt(own, Buffer.alloc(32), Buffer.alloc(64));
    });
    attempt(`decrypt with ${name}`, (own) => p11.C_DecryptInit(own, mechanism, object));
  }
  for (const [name, mechanism] of Object.entries({ ECDSA: c.CKM_ECDSA, 'ECDSA-SHA-1': c.CKM_ECDSA_SHA1 })) {
    attempt(`sign with ${name}`, (own) => {
      p11.C_SignInit(own, { mechanism }, object);
      p11.C_Sign(own, Buffer.alloc(32, 1), Buffer.alloc(128));
    });
  }
  const pss = {
    mechanism: c.CKM_RSA_PKCS_PSS,
    parameter: {
      type: c.CK_PARAMS_RSA_PSS,
      hashAlg: c.CKM_SHA256,
      mgf: c.CKG_MGF1_SHA256,
      saltLen: 32,
    },
  };
  const signatures: Record<string, pkcs11js.Mechanism> = {
    'RSA PKCS#1': { mechanism: c.CKM_RSA_PKCS },
    'RSA-PSS': pss,
    'raw RSA': { mechanism: c.CKM_RSA_X_509 },
    'RSA PKCS#1 with SHA-1': { mechanism: c.CKM_SHA1_RSA_PKCS },
  };
  for (const [name, mechanism] of Object.entries(signatures)) {
    attempt(`sign with ${name}`, (own) => {
      p11.C_SignInit(own, mechanism, object);
      p11.C_Sign(own, Buffer.alloc(32, 1), Buffer.alloc(1024));
    });
  }
  const decryptions: Record<string, pkcs11js.Mechanism> = {
    'RSA OAEP': oaep,
    'RSA PKCS#1': { mechanism: c.CKM_RSA_PKCS },
    'raw RSA': { mechanism: c.CKM_RSA_X_509 },
  };
  for (const [name, mechanism] of Object.entries(decryptions)) {
    attempt(`decrypt with ${name}`, (own) => p11.C_DecryptInit(own, mechanism, object));
  }
  attempt('unwrap by RSA OAEP', (own) => {
    const wrapped = publicEncrypt(
      { key: modulusKey(own, object), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
      randomBytes(32),
    );
    p11.C_UnwrapKey(own, oaep, object, wrapped, [
      { type: c.CKA_CLASS, value: c.CKO_SECRET_KEY },
      { type: c.CKA_KEY_TYPE, value: c.CKK_AES },
      { type: c.CKA_TOKEN, value: no },
    ]);
  });
  const agreement: pkcs11js.ECDH1 = { type: c.CK_PARAMS_EC_DH, kdf: c.CKD_NULL, publicData: generator };
  attempt('derive by ECDH', (own) =>
    p11.C_DeriveKey(own, { mechanism: c.CKM_ECDH1_DERIVE, parameter: agreement }, object, [
      { type: c.CKA_CLASS, value: c.CKO_SECRET_KEY },
      { type: c.CKA_KEY_TYPE, value: c.CKK_GENERIC_SECRET },
      { type: c.CKA_VALUE_LEN, value: 32 },
      { type: c.CKA_TOKEN, value: no },
      { type: c.CKA_SENSITIVE, value: no },
      { type: c.CKA_EXTRACTABLE, value: yes },
    ]),
  );
  const macs: Record<string, number> = {
    'AES-CMAC': 0x108a,
    'HMAC-MD5': c.CKM_MD5_HMAC,
    'HMAC-SHA-1': c.CKM_SHA_1_HMAC,
    'HMAC-SHA-256': c.CKM_SHA256_HMAC,
    'HMAC-SHA-384': c.CKM_SHA384_HMAC,
    'HMAC-SHA-512': c.CKM_SHA512_HMAC,
  };
  for (const [name, mechanism] of Object.entries(macs)) {
    attempt(`sign with ${name}`, (own) => {
      p11.C_SignInit(own, { mechanism }, object);
      p11.C_Sign(own, Buffer.from('data'), Buffer.alloc(64));
    });
    attempt(`verify with ${name}`, (own) => p11.C_VerifyInit(own, { mechanism }, object));
  }
  attempt('derive by AES-ECB', (own) =>
    p11.C_DeriveKey(own, { mechanism: c.CKM_AES_ECB_ENCRYPT_DATA, parameter: Buffer.alloc(32) }, object, [
      { type: c.CKA_CLASS, value: c.CKO_SECRET_KEY },
      { type: c.CKA_KEY_TYPE, value: c.CKK_GENERIC_SECRET },
      { type: c.CKA_VALUE_LEN, value: 32 },
      { type: c.CKA_TOKEN, value: no },
      { type: c.CKA_SENSITIVE, value: no },
      { type: c.CKA_EXTRACTABLE, value: yes },
    ]),
  );
  attempt('digest its value', (own) => {
    p11.C_DigestInit(own, { mechanism: c.CKM_SHA256 });
    p11.C_DigestKey(own, object);
    p11.C_DigestFinal(own, Buffer.alloc(32));
  });
  return attempts;
}

/** The public half of an RSA key, by the modulus of its private half. */
function modulusKey(session: Buffer, object: Buffer) {
  const [modulus] = p11.C_GetAttributeValue(session, object, [{ type: c.CKA_MODULUS }]);
  const n = Buffer.isBuffer(modulus?.value) ? modulus.value.toString('base64url') : '';
  return createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
}

function find(session: Buffer, template: pkcs11js.Template): Buffer[] {
  p11.C_FindObjectsInit(session, template);
  const found = p11.C_FindObjects(session, 1_000);
  p11.C_FindObjectsFinal(session);
  return found;
}

function carryOut(order: Order): Findings {
  p11.load(order.module);
  p11.C_Initialize({ flags: c.CKF_OS_LOCKING_OK });
  const slot = p11.C_GetSlotList(true).find((slot) => p11.C_GetTokenInfo(slot).label.trim() === order.label);
  if (slot === undefined) throw new Error(`no token \`${order.label}\``);
  const session = p11.C_OpenSession(slot, c.CKF_SERIAL_SESSION | c.CKF_RW_SESSION);
  p11.C_Login(session, c.CKU_USER, order.pin);
  if (order.action.type === 'change-pin') {
    p11.C_SetPIN(session, order.pin, order.action.pin);
    return { objects: [] };
  }
  if (order.action.type === 'destroy') {
    const found = find(session, [
      { type: c.CKA_ID, value: Buffer.from(order.action.id, 'hex') },
      ...(order.action.class === undefined ? [] : [{ type: c.CKA_CLASS, value: order.action.class }]),
    ]);
    for (const object of found) p11.C_DestroyObject(session, object);
    if (found.length !== 1) throw new Error(`${found.length} objects with the id ${order.action.id}`);
    return { objects: [] };
  }
  if (order.action.type === 'plant') {
    p11.C_GenerateKey(session, { mechanism: c.CKM_AES_KEY_GEN }, [
      { type: c.CKA_CLASS, value: c.CKO_SECRET_KEY },
      { type: c.CKA_KEY_TYPE, value: c.CKK_AES },
      { type: c.CKA_VALUE_LEN, value: 32 },
      { type: c.CKA_TOKEN, value: yes },
      { type: c.CKA_ID, value: Buffer.from(order.action.id, 'hex') },
    ]);
    return { objects: [] };
  }
  const objects = find(session, [{ type: c.CKA_TOKEN, value: yes }]).map((object) => {
    const [label, type] = p11.C_GetAttributeValue(session, object, [
      { type: c.CKA_LABEL },
      { type: c.CKA_CLASS },
    ]);
    return {
      label: String(label?.value),
      class: Buffer.isBuffer(type?.value) ? type.value.readUInt8() : -1,
      attempts: probe(session, slot, object),
    };
  });
  return { objects };
}

process.once('message', (order: Order) => {
  process.send?.(carryOut(order), () => process.disconnect?.());
});
