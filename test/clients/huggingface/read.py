"""Reads a model of Setpoint with Hugging Face's own client; prints what it saw as JSON.

    HF_ENDPOINT=http://127.0.0.1:7300 HF_TOKEN=sp_… HF_HOME=folder python read.py default/bert v2
"""

import json
import os
import sys

from huggingface_hub import HfApi, HfFileSystem, get_hf_file_metadata, hf_hub_download, hf_hub_url, snapshot_download

repo, revision = sys.argv[1:]
api = HfApi()


def failure(run):
    try:
        run()
        return None
    except Exception as error:
        return type(error).__name__


def files_below(folder):
    return {
        os.path.relpath(os.path.join(at, name), folder): os.path.getsize(os.path.join(at, name))
        for at, _, names in os.walk(folder)
        for name in names
    }


info = api.model_info(repo, files_metadata=True)
metadata = get_hf_file_metadata(hf_hub_url(repo, "weights.bin"))
snapshots = {rev: snapshot_download(repo, revision=rev) for rev in ("main", revision, "champion", info.sha)}
print(
    json.dumps(
        {
            "private": info.private,
            "sizes": {sibling.rfilename: sibling.size for sibling in info.siblings},
            "sameCommit": metadata.commit_hash == info.sha,
            "size": metadata.size,
            "tree": [entry.path for entry in api.list_repo_tree(repo, recursive=True)],
            "paths": [entry.path for entry in api.get_paths_info(repo, ["sub", "weights.bin", "none"])],
            "branches": [ref.name for ref in api.list_repo_refs(repo).branches],
            "tags": [ref.name for ref in api.list_repo_refs(repo).tags],
            "models": [model.id for model in api.list_models(search=repo.split("/")[1])],
            "exists": [api.repo_exists(repo), api.revision_exists(repo, "v9"), api.file_exists(repo, "config.json")],
            "configs": {rev: open(os.path.join(folder, "config.json")).read() for rev, folder in snapshots.items()},
            "files": files_below(snapshots["main"]),
            "one": open(hf_hub_download(repo, "sub/a b.txt", revision=revision)).read(),
            "fileSystem": HfFileSystem().read_text(f"{repo}@{revision}/config.json"),
            "failures": [
                failure(lambda: hf_hub_download("default/none", "x")),
                failure(lambda: hf_hub_download(repo, "none")),
                failure(lambda: hf_hub_download(repo, "config.json", revision="v9")),
                failure(lambda: api.model_info(repo, token="sp_key_unknown")),
            ],
        }
    )
)
