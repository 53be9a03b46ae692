/**
 * Lists what is in a token, past Coffer: run as a process of its own, since it loads the PKCS#11 library and logs in.
 * `node objects.ts TOKEN`, where TOKEN is what softhsm/initialise.ts prints; prints JSON.
 */
import { readFileSync } from 'node:fs';
import pkcs11js from 'pkcs11js';

export interface StoredObject {
  /** `undefined` where the attribute can't be read. */
  readonly label: string | undefined;
  /** CKA_ID as hex. */
  readonly id: string | undefined;
  /** The public half of a pair. */
  readonly isPublic: boolean;
  /** It has no value, or none that has a length: a shell that holds no key. */
  readonly empty: boolean;
}

const settings: { module: string; label: string; pinFile: string } = JSON.parse(process.argv[2] ?? '{}');
const pkcs11 = new pkcs11js.PKCS11();
pkcs11.load(settings.module);
pkcs11.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
const slot = pkcs11
  .C_GetSlotList(true)
  .find((slot) => pkcs11.C_GetTokenInfo(slot).label.trim() === settings.label);
if (slot === undefined) throw new Error(`there is no token \`${settings.label}\``);
const session = pkcs11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
pkcs11.C_Login(session, pkcs11js.CKU_USER, readFileSync(settings.pinFile, 'utf8').trim());

const read = (object: Buffer, type: number): Buffer | undefined => {
  try {
    const [attribute] = pkcs11.C_GetAttributeValue(session, object, [{ type }]);
    return attribute?.value instanceof Buffer ? attribute.value : undefined;
  } catch {
    return undefined;
  }
};

const objects: StoredObject[] = [];
pkcs11.C_FindObjectsInit(session, []);
const handles = pkcs11.C_FindObjects(session, 100_000);
pkcs11.C_FindObjectsFinal(session);
for (const handle of handles) {
  objects.push({
    label: read(handle, pkcs11js.CKA_LABEL)?.toString('utf8'),
    id: read(handle, pkcs11js.CKA_ID)?.toString('hex'),
    isPublic: read(handle, pkcs11js.CKA_CLASS)?.[0] === pkcs11js.CKO_PUBLIC_KEY,
    empty: read(handle, pkcs11js.CKA_VALUE_LEN)?.every((byte) => byte === 0) ?? true,
  });
}
pkcs11.C_Finalize();
process.stdout.write(JSON.stringify(objects));
