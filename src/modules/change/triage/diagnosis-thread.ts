import { parentPort, workerData } from 'node:worker_threads'
import { diagnoseWindow, type WindowDiagnosisInput } from '../../../lib/drift/diagnosis/diagnose-window.ts'

parentPort!.postMessage(diagnoseWindow(workerData as WindowDiagnosisInput))
