/**
 * The floor: what one process gets from the token in a bare loop through pkcs11js, with nothing of Coffer
 * between. AES-GCM of 32 bytes under 64 bytes of AAD, with a token object whose attributes are those of Coffer's
 * master keys. `node bench/floor.ts TOKEN SECONDS`, where TOKEN is what softhsm/initialise.ts prints; prints JSON.
 */
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pkcs11js from 'pkcs11js';

export interface Floor {
  readonly operationsPerSecond: number;
  /** CPU microseconds an operation. */
  readonly microseconds: number;
}

const [token = '{}', seconds = '3'] = process.argv.slice(2);
const settings: { module: string; label: string; pinFile: string } = JSON.parse(token);

const pkcs11 = new pkcs11js.PKCS11();
pkcs11.load(settings.module);
pkcs11.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
const slot = pkcs11
  .C_GetSlotList(true)
  .find((slot) => pkcs11.C_GetTokenInfo(slot).label.trim() === settings.label);
if (slot === undefined) throw new Error(`there is no token \`${settings.label}\``);
const session = pkcs11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
pkcs11.C_Login(session, pkcs11js.CKU_USER, readFileSync(settings.pinFile, 'utf8').trim());

const allowed = Buffer.alloc(8);
allowed.writeBigUInt64LE(BigInt(pkcs11js.CKM_AES_GCM));
const key = pkcs11.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [
  { type: pkcs11js.CKA_LABEL, value: 'floor' },
  { type: pkcs11js.CKA_TOKEN, value: true },
  { type: pkcs11js.CKA_PRIVATE, value: true },
  { type: pkcs11js.CKA_SENSITIVE, value: true },
  { type: pkcs11js.CKA_EXTRACTABLE, value: false },
  { type: pkcs11js.CKA_MODIFIABLE, value: false },
  { type: pkcs11js.CKA_ENCRYPT, value: true },
  { type: pkcs11js.CKA_DECRYPT, value: true },
  { type: pkcs11js.CKA_SIGN, value: false },
  { type: pkcs11js.CKA_VERIFY, value: false },
  { type: pkcs11js.CKA_WRAP, value: false },
  { type: pkcs11js.CKA_UNWRAP, value: false },
  { type: pkcs11js.CKA_DERIVE, value: false },
  { type: pkcs11js.CKA_VALUE_LEN, value: 32 },
  { type: pkcs11js.CKA_ALLOWED_MECHANISMS, value: allowed },
]);

const pool = Buffer.alloc(12 * 1_024);
const iv = Buffer.alloc(12);
const plaintext = Buffer.alloc(32, 'p');
const output = Buffer.alloc(64);
const mechanism = {
  mechanism: pkcs11js.CKM_AES_GCM,
  parameter: {
    type: pkcs11js.CK_PARAMS_AES_GCM_v240,
    iv,
    ivBits: 96,
    aad: Buffer.alloc(64, 'a'),
    tagBits: 128,
  },
};

let used = pool.length;
function encrypt(): void {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  pool.copy(iv, 0, used, used + 12);
  used += 12;
  pkcs11.C_EncryptInit(session, mechanism, key);
  pkcs11.C_Encrypt(session, plaintext, output);
}

try {
  for (let warm = 0; warm < 5_000; warm++) encrypt();
  const cpu = process.cpuUsage();
  const began = performance.now();
  const until = began + Number(seconds) * 1_000;
  let operations = 0;
  let now = began;
  while (now < until) {
    for (let batch = 0; batch < 256; batch++) encrypt();
    operations += 256;
    now = performance.now();
  }
  const { user, system } = process.cpuUsage(cpu);
  const floor: Floor = {
    operationsPerSecond: (operations / (now - began)) * 1_000,
    microseconds: (user + system) / operations,
  };
  process.stdout.write(`${JSON.stringify(floor)}\n`);
} finally {
  pkcs11.C_DestroyObject(session, key);
  pkcs11.C_Logout(session);
  pkcs11.C_Finalize();
}
