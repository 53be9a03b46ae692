import { hash, randomBytes } from 'node:crypto';
import type { Key, Material, PendingMaterial } from './key.ts';

/** A material that the token is yet to generate. @param now milliseconds since the epoch */
export function newMaterial(keyId: string, now: number): Material {
  const materialId = randomBytes(16).toString('hex');
  const keyMaterialId = hash('sha256', `coffer key material\n${keyId}\n${materialId}`);
  return { materialId, keyMaterialId, createdAt: now };
}

/**
 * A material that is yet to be imported. What the API calls it depends on the key and the material alone, so that the
 * same material has the same name whenever it is imported.
 */
export function newImportedMaterial(keyId: string, fingerprint: string, now: number): Material {
  const keyMaterialId = hash('sha256', `coffer imported key material\n${keyId}\n${fingerprint}`);
  return {
    materialId: randomBytes(16).toString('hex'),
    keyMaterialId,
    createdAt: now,
    import: { state: 'Importing', fingerprint },
  };
}

/** Every material of which there may be something in the token. */
export function materialsInToken({ materials, pending }: Key): readonly (Material | PendingMaterial)[] {
  return pending === undefined ? materials : [...materials, pending];
}
