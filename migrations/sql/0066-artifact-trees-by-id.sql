-- A runtime finds the files of a frozen folder by its id alone: the id is made of them.
CREATE INDEX artifact_trees_tree ON artifact_trees (tree);
