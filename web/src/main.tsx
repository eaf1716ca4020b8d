import './schemas-without-eval.ts'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'

createRoot(document.getElementById('console')!).render(<App />)
