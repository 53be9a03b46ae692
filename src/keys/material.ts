import { hash, randomBytes } from 'node:crypto';
import type { Key, Material, PendingMaterial } from './key.ts';

/** A material that the token is yet to generate. @param now milliseconds since the epoch */
export function newMaterial(keyId: string, now: number): Material {
  const materialId = randomBytes(16).toString('hex');
  const keyMaterialId = hash('sha256', `coffer key material\n${keyId}\n${materialId}`);
  return { materialId, keyMaterialId, createdAt: now };
}

/** Every material of which there may be something in the token. */
export function materialsInToken({ materials, pending }: Key): readonly (Material | PendingMaterial)[] {
  return pending === undefined ? materials : [...materials, pending];
}
