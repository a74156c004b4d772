// The file from which a worker starts. Vite makes a bundle of its own of it.
import { serveModules } from 'maitre/executors';
import * as primes from './primes.ts';

serveModules({ primes });
