import { parentPort, workerData } from 'node:worker_threads'
import { frozenFrom, type Sample } from '../frozen.ts'

parentPort!.postMessage(frozenFrom(workerData as Sample))
