/** What to do first, while nothing is deployed. */
export function EmptyHouse() {
  return (
    <div className="notice empty">
      <h2>Nothing is deployed yet</h2>
      <p>A deployment shows here by itself as soon as it is applied.</p>
      <dl>
        <div>
          <dt>See the whole loop at work on its own data, in about three minutes</dt>
          <dd>
            <pre>npm run demo</pre>
          </dd>
        </div>
        <div>
          <dt>Deploy your own: register a model, then apply a folder of documents</dt>
          <dd>
            <pre>setpoint apply setpoint/</pre>
          </dd>
        </div>
        <div>
          <dt>Read what every document may say</dt>
          <dd>
            <pre>setpoint apply --help</pre>
          </dd>
        </div>
      </dl>
    </div>
  )
}
