// Property tests draw the same cases each time, so that a red run can be had again; SEED=<number> draws others.
import fc from 'fast-check';

const seed = process.env['SEED'];
fc.configureGlobal({ seed: seed === undefined ? 20_261_122 : Number(seed) });
