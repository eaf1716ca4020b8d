import { parentPort, workerData } from 'node:worker_threads'
import { judgeWindow, type WindowInput } from '../../../lib/drift/estimation/judge-window.ts'

parentPort!.postMessage(judgeWindow(workerData as WindowInput))
