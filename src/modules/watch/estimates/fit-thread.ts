import { parentPort, workerData } from 'node:worker_threads'
import { type FitInput, fitReference } from './fit.ts'

parentPort!.postMessage(fitReference(workerData as FitInput))
