<!doctype html>
<html lang="<?= LOCALE ?>">
<meta charset="utf-8">
<?php if ($wait ?? 0): ?><meta http-equiv="refresh" content="<?= ceil($wait / 1000) ?>"><?php endif ?>
<title><?= html($title) ?></title>
<h1><?= html($title) ?></h1>
<?php if (isset($fields)): ?>
<form method="post" action="/question/<?= html($name . ($id ? "/$id" : '')) ?>">
  <input type="hidden" name="csrf" value="<?= $_SESSION['csrf'] ?>">
  <?php if ($problem): ?><p role="alert"><?= html($problem) ?></p><?php endif ?>
  <?php if ($id): ?><p>Is this right? You cannot change an answer after you confirm it.</p><?php endif ?>
  <?php foreach ($fields as $key => $rule): ?>
  <p><label><?= html(spoken($rule['titles'])) ?> <input name="answer-<?= html($key) ?>" value="<?= html($answer[$key] ?? '') ?>"
    maxlength="<?= html($rule['maxLength']) ?>" <?= in_array($key, $needed) ? 'required' : '' ?> <?= $id ? 'readonly' : '' ?>></label></p>
  <?php endforeach ?>
  <button><?= $id ? 'Confirm' : 'Continue' ?></button> <a href="/">Back</a>
</form>
<?php endif ?>
<?php foreach ($form ?? [] as $name => $row): ?>
<section id="<?= html($name) ?>" data-state="<?= html($row['state']) ?>">
  <h2><?= html(spoken($row['title'])) ?></h2>
  <p><?= html(state_text($row)) ?></p>
  <?php if ($row['open']): ?><a href="/question/<?= html($name) ?>">Answer</a><?php endif ?>
</section>
<?php endforeach ?>
<?php if ($row = current($form ?? [])): ?>
<p data-access="<?= html($row['access']) ?>"><?= html(message("access.{$row['access']}", $row['messages'])) ?> <?= html(spoken($row['contact'])) ?></p>
<?php endif ?>
