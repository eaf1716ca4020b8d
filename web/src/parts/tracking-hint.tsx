import { useConsole } from '../console.tsx'
import { CopyButton } from './copy-button.tsx'

/** What to set so that training code tracks here; with the address of this server and of the project one is in. */
export function TrackingHint({ title, children }: { title: string; children: string }) {
  const { base } = useConsole()
  const setting = `export MLFLOW_TRACKING_URI=${location.origin}${base}`
  const example = [
    'import mlflow',
    '',
    'mlflow.set_experiment("churn")',
    'with mlflow.start_run():',
    '    mlflow.log_param("depth", 6)',
    '    mlflow.log_metric("auc", 0.91)',
  ].join('\n')
  return (
    <div className="notice empty">
      <h2>{title}</h2>
      <p>{children}</p>
      <dl>
        <Step name="Point any MLflow client at this server" text={setting} />
        <Step
          name="Give it a key, unless this server is open to its machine; a key is printed once"
          text={'setpoint access create-key --name training --role operator\nexport MLFLOW_TRACKING_TOKEN=…'}
        />
        <Step name="Run what you have, unchanged; or this" text={example} />
      </dl>
    </div>
  )
}

function Step({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="copyable">
        <pre>{text}</pre>
        <CopyButton text={text} label={`Copy: ${name}`} />
      </dd>
    </div>
  )
}
